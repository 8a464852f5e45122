"""Long calls: what is kept of them, and what a test learns about the rest. And who spoke when, in reports."""

from __future__ import annotations

import asyncio
import json
from array import array
from typing import TYPE_CHECKING

import pytest

from offhook import Phone
from offhook.errors import CallStateError
from offhook_mockserver.callees.kept_audio import CallAudio
from offhook_mockserver.server import CLIPS
from offhook_mockserver.testkit import MockOptions, mock
from offhook_mockserver.testkit.artefacts import write_artefacts
from offhook_mockserver.testkit.evidence import gather
from offhook_mockserver.testkit.failure import failure_report
from offhook_mockserver.testkit.spoken import with_speech
from offhook_mockserver.testkit.story import TimelineLine

if TYPE_CHECKING:
    from pathlib import Path

    from offhook.testing.audio import Heard
    from offhook_mockserver.testkit import MockHandle

pytest_plugins = ["pytester"]

GREETING, REPLY = CLIPS / "greeting.wav", CLIPS / "reply.wav"


async def app(number: str, first: str, pause_s: float, second: str) -> None:
    """Play something, be silent for a while, and play something else."""
    async with Phone.from_env() as phone, phone.dial(number) as call:
        await call.answered()
        await call.play(first).done()
        await asyncio.sleep(pause_s)
        await call.play(second).done()
        await asyncio.sleep(3)


def heard_in(
    handle: MockHandle, first: str = "tone:440,1", second: str = f"wav:{REPLY}", pause_s: float = 320
) -> Heard:
    callee = handle.callee().answers().waits(pause_s + 30)
    handle.run(app(callee.number, first, pause_s, second), timeout_s=None)
    return callee.heard


def test_silence_does_not_count() -> None:
    with mock(virtual=True) as handle:
        heard = heard_in(handle)
        assert heard.contains(REPLY)
        assert heard.sound_after(310, within_ms=12_000)
        assert not heard.silence_after(2, within_ms=100, for_ms=322_000)
        assert len(heard.speech) > 1


def test_questions_about_what_was_not_kept_are_errors() -> None:
    with mock(virtual=True, options=MockOptions(keep_audio_s=5)) as handle:
        heard = heard_in(handle, "tone:440,6", pause_s=10)
        limit = r"only the first 5\.\d+ s of 2\d\.\d\d? s are kept: MockOptions\(keep_audio_s=\.\.\.\)"
        for ask in (
            lambda: heard.contains(REPLY),
            lambda: heard.silence_after(2, within_ms=100, for_ms=8_000),
            lambda: heard.sound_after(10, within_ms=100),
            lambda: heard.talk_over_s,
            lambda: handle.callee().said,
        ):
            with pytest.raises(CallStateError, match=limit):
                ask()
        assert heard.has_tone(440)
        assert not heard.until(5).contains(REPLY)


def test_the_part_that_was_not_kept_is_marked(tmp_path: Path) -> None:
    with mock(virtual=True, options=MockOptions(keep_audio_s=2)) as handle:
        heard_in(handle, "tone:440,3", pause_s=1)
        evidence = gather(handle, "tests/test_bot.py::test_long")
        assert not write_artefacts(tmp_path / "folder", evidence)
    assert "the audio from here on was not kept (keep_audio_s)" in failure_report(evidence, None)
    picture = (tmp_path / "folder/waveforms.svg").read_text(encoding="utf-8")
    assert "<title>not kept: 2.0" in picture
    (call,) = json.loads((tmp_path / "folder/statistics.json").read_text(encoding="utf-8"))["calls"]
    assert call["kept_s"] == call["heard_s"] == pytest.approx(2, abs=0.1)
    assert call["lasted_s"] == pytest.approx(10.9, abs=0.5)


def test_the_timeline_says_when_the_application_spoke() -> None:
    with mock(virtual=True) as handle:
        heard_in(handle, f"wav:{GREETING}", "tone:440,1", pause_s=2)
        lines = gather(handle, "test").timeline
    spoken = [line for line in lines if line.code == "caller_speaks"]
    assert [line.text for line in spoken[-1:]] == ["caller speaks, 4.96 to 5.96 s"] or len(spoken) >= 2
    assert spoken[0].text.startswith("caller speaks, 0.0")
    assert [round(line.at_s, 3) for line in lines] == sorted(round(line.at_s, 3) for line in lines)
    assert all(line.call == 1 and line.answered_s is not None for line in spoken)


def answer(at_s: float, call: int) -> TimelineLine:
    return TimelineLine(at_s, call, 0.0, "callee", "answered", "answered")


def test_lines_about_speech_are_bounded() -> None:
    beep = array("h", [9000, -9000] * 400).tobytes()  # 0.1 s at 8 kHz
    audio = CallAudio(8000, (beep + bytes(6400)) * 600, lasted_s=1000)
    lines = with_speech([answer(3, 2)], [None, audio])
    assert len(lines) == 1 + 500 + 2
    assert lines[1].at_s == pytest.approx(3, abs=0.02)
    assert lines[-2].text == "caller speaks 100 more times"
    assert lines[-1].code == "not_kept"
    assert with_speech([answer(3, 2)], [audio]) == [answer(3, 2)], "a call that is not in the journal"


def test_without_what_measures_audio_the_timeline_is_the_journals(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: object) -> None:
        raise CallStateError("not installed")

    monkeypatch.setattr("offhook.testing.audio.Clip.speech", refuse)
    assert with_speech([answer(3, 1)], [CallAudio(8000, bytes(100))]) == [answer(3, 1)]


def test_the_report_lists_the_figures_that_a_test_read() -> None:
    with mock(virtual=True) as handle:
        heard = heard_in(handle, f"wav:{GREETING}", "tone:440,1", pause_s=2)
        times = heard.response_times_s.callee
        assert heard.talk_over_s == 0
        error: BaseException | None = None
        try:
            max(times)
        except ValueError as raised:
            error = raised
        report = failure_report(gather(handle, "test", error=error), None)
    lines = report.splitlines()
    assert lines[0] == "talk_over_s is 0.00 s"
    assert lines[1] == "  both spoke:  never"
    assert "response_times_s is caller: no response; callee: no response" in lines
    assert "  callee spoke: never" in lines


SUITE = """
import pytest
from offhook import Phone
from offhook_mockserver.testkit import MockOptions


@pytest.fixture(scope="session")
def offhook_mock_options():
    return MockOptions(keep_audio_s=5)


pytestmark = pytest.mark.offhook(keep_audio_s=7)


def test_of_the_module(offhook_mock):
    assert offhook_mock.settings.keep_audio_s == 7


@pytest.mark.offhook(keep_audio_s=3600, allow=["calls_up"])
@pytest.mark.offhook_virtual
def test_of_its_own(offhook_mock):
    assert offhook_mock.settings.keep_audio_s == 3600
    assert offhook_mock.options.keep_audio_s == 3600


@pytest.mark.offhook(keep_audio_s="long")
def test_wrong(offhook_mock):
    raise AssertionError("not reached")
"""


def test_a_marker_sets_it_for_one_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SUITE)
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:xdist")
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*@pytest.mark.offhook: keep_audio_s must be *"])


def test_a_blackout_is_shaded(tmp_path: Path) -> None:
    with mock(virtual=True) as handle:
        callee = handle.callee().answers().waits(6)
        handle.start(app(callee.number, "tone:440,1", 3, "tone:440,1"))
        callee.answered(5)
        handle.sleep(1)
        handle.faults.blackout(for_s=2)
        handle.sleep(4)
        assert not write_artefacts(tmp_path / "folder", gather(handle, "test"))
    picture = (tmp_path / "folder/waveforms.svg").read_text(encoding="utf-8")
    assert "blackout of 2 s: 1.00 to 3.00 s</title></rect>" in picture
    assert "uid" not in picture
    assert "joined" not in picture
