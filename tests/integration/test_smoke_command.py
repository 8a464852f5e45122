"""The smoke test for live calls, against the mock: it never rings by accident, and its report is whole."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.conftest import Mock

pytestmark = pytest.mark.slow

NUMBER = "+14155550101"  # answers, says hello at once, hangs up


def test_without_yes_nothing_is_dialled(mock: Mock, tmp_path: Path) -> None:
    done = mock.offhook("agora", "smoke", NUMBER, cwd=tmp_path)
    assert done.code == 2
    assert "nothing was dialled: add --yes" in done.err
    assert list(tmp_path.glob("*.md")) == []
    assert "accepted" not in mock.close().out


def test_a_call_is_compared_and_the_report_is_private(mock: Mock, tmp_path: Path) -> None:
    done = mock.offhook("agora", "smoke", NUMBER, "--yes", "--for", "5", "--report", "seen.md", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "How long is a token valid?" in done.out
    report = (tmp_path / "seen.md").read_text()
    assert "| completed |" in report
    assert "| How long is a token valid? |" in report
    assert re.search(r"\| (3599|3600) s from the grant on \| new \|", report), "it is issued in whole seconds"
    assert "quit" in report, "the callee hung up"
    for private in (NUMBER, NUMBER[2:], mock.ready["api_key"], mock.ready["api_secret"], "ft_call_", "007eJ"):
        assert private not in report, private
    assert (tmp_path / "seen.md").stat().st_mode & 0o777 == 0o600


def test_a_report_that_exists_is_never_replaced(mock: Mock, tmp_path: Path) -> None:
    (tmp_path / "seen.md").write_text("mine")
    done = mock.offhook("agora", "smoke", NUMBER, "--yes", "--report", "seen.md", cwd=tmp_path)
    assert done.code == 2
    assert "it exists" in done.err
    assert (tmp_path / "seen.md").read_text() == "mine"
