"""The smoke test for live calls over the transport that live calls use, with the mock in Agora's place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integration.conftest import Mock

if TYPE_CHECKING:
    from pathlib import Path

NUMBER = "+14155550101"  # answers, says hello at once, hangs up


def test_a_live_call_is_compared(sdk_folder: Path, tmp_path: Path) -> None:
    mock = Mock(tmp_path / "heard")
    try:
        options = ("--yes", "--for", "5", "--transport", "agora", "--report", "seen.md")
        done = mock.offhook("agora", "smoke", NUMBER, *options, cwd=tmp_path, OFFHOOK_AGORA_SDK=str(sdk_folder))
        assert done.code == 0, done.err + done.out
    finally:
        mock.close()
    report = (tmp_path / "seen.md").read_text()
    assert "| transport | agora |" in report
    assert "| completed |" in report
    assert "| How many other members are in the channel? | one | 1 | as assumed |" in report
    for private in (NUMBER, NUMBER[2:], mock.ready["api_key"], mock.ready["api_secret"], "ft_call_", "007eJ"):
        assert private not in report, private
