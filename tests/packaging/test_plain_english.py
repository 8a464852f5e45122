"""The count of slow words: it finds them, and says where they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.packaging.plain_english import main

if TYPE_CHECKING:
    from pathlib import Path


def test_a_word_that_stands_too_often_is_shown_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "door.py").write_text('"""Whoever comes in is told."""\n' + "x = 1\n" * 99)
    assert main([str(tmp_path)]) == 1
    printed = capsys.readouterr().out
    assert "whoever|nobody: 1 in 100 lines, 10.00 in 1,000 (limit 0.3)" in printed
    assert 'door.py:1: """Whoever comes in is told."""' in printed


def test_a_few_are_fine(tmp_path: Path) -> None:
    (tmp_path / "door.py").write_text("# nobody\n" + "x = 1\n" * 9_999)
    assert main([str(tmp_path)]) == 0


def test_two_words_count_never(tmp_path: Path) -> None:
    (tmp_path / "door.py").write_text("# so many\n" + "x = 1\n" * 99_999)
    assert main([str(tmp_path)]) == 1


@pytest.mark.parametrize("text", ["# isnot", "# untold", "# this noise", "# retells"])
def test_parts_of_other_words_do_not_count(text: str, tmp_path: Path) -> None:
    (tmp_path / "door.py").write_text(text)
    assert main([str(tmp_path)]) == 0
