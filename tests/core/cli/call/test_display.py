"""What a person sees: plain lines, the live display, and the choice between them."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from offhook import CallPolicy, Phone
from offhook.cli.call.choosing import choose
from offhook.cli.call.display import Display, NoDisplay, PlainDisplay, line, summary
from offhook.cli.call.live_display import LiveDisplay, meter
from offhook.interfaces.frame import AudioFrame
from offhook.session.grade import Grade
from offhook.session.outcome import Cause, Disposition, EndedBy, Outcome
from offhook.session.record import CallRecord, TimelineEntry
from offhook.session.states import CallState, Evidence, LegState
from offhook.testing import LinkedTransport, LoopClock, ScriptedCarrier, run_virtual

if TYPE_CHECKING:
    from collections.abc import Callable


async def shown(made: Display) -> None:
    """Shows a call of one second, followed from before it is dialled."""
    transport = LinkedTransport()
    callee = transport.member()
    phone = Phone(carrier=ScriptedCarrier(), transport=transport, clock=LoopClock(), policy=CallPolicy())
    call = phone.dial("+14155550123")
    loop = asyncio.get_running_loop()
    following = asyncio.create_task(made.follow(call))
    loud = AudioFrame(b"\x00\x40" * 320, 16_000)
    steps: list[tuple[float, Callable[[], object]]] = [
        (0.5, callee.join),
        (0.5, callee.publish),
        (0.7, lambda: callee.say(loud)),
        (1.5, callee.leave),
    ]
    for seconds, step in steps:
        loop.call_later(seconds, step)
    async with call:
        await call.ended()
    await following
    made.finish(call.record)


def test_plain_lines_show_states_with_evidence_and_times(capsys: pytest.CaptureFixture[str]) -> None:
    run_virtual(shown(PlainDisplay()))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "   0.000 s  DIALING   the caller asked for it (observed); leg new"
    assert "   0.000 s  RINGING   our leg joined the channel (assumed); leg connected" in lines
    assert "   0.500 s  ACTIVE    the callee published audio (documented); leg connected  uid=2" in lines
    assert "   0.500 s            MemberJoined uid=2" in lines
    assert lines[-1] == "completed: ended by callee after 1.0 s of conversation (Q.850 cause 16)"
    assert "\x1b" not in "".join(lines)


def test_a_plain_display_that_starts_late_shows_earlier_entries(capsys: pytest.CaptureFixture[str]) -> None:
    async def main() -> None:
        phone = Phone(carrier=ScriptedCarrier(), transport=LinkedTransport(), clock=LoopClock())
        async with phone.dial("+14155550123") as call:
            following = asyncio.create_task(PlainDisplay().follow(call))
            await asyncio.sleep(1)
        await following

    run_virtual(main())
    assert "DIALING" in capsys.readouterr().out


def test_the_live_display_shows_the_timeline_and_both_meters() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120, highlight=False)
    run_virtual(shown(LiveDisplay(console)))
    text = screen.getvalue()
    assert "RINGING" in text
    assert "caller" in text
    assert "dBFS" in text
    assert "silent" in text
    assert "completed: ended by callee" in text


def test_no_display_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    run_virtual(shown(NoDisplay()))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("level_dbfs", "filled", "label"),
    [(-60.0, 0, "silent"), (-100.0, 0, "silent"), (-30.0, 20, "-30.0"), (0.0, 40, "0.0")],
)
def test_a_meter_goes_from_minus_60_to_0_dbfs(level_dbfs: float, filled: int, label: str) -> None:
    bar = meter("callee", level_dbfs).plain
    assert bar.count("█") == filled
    assert label in bar


def test_a_line_without_a_change_has_no_state() -> None:
    entry = TimelineEntry(1.0, "MemberUnpublished", CallState.ACTIVE, LegState.CONNECTED, detail="uid=2")
    assert line(entry) == "   1.000 s            MemberUnpublished uid=2"
    entry = TimelineEntry(
        1.0, "X", CallState.ENDED, LegState.CLOSED, changed=True, evidence=Evidence.TIMER, grade=Grade.OBSERVED
    )
    assert line(entry) == "   1.000 s  ENDED     a timer ran out (observed); leg closed"


def test_texts_from_peers_are_escaped() -> None:
    evil = "\x1b[2J\nforged"
    entry = TimelineEntry(1.0, "X", CallState.ACTIVE, LegState.CONNECTED, detail=evil)
    assert line(entry) == "   1.000 s            X \\x1b[2J\\nforged"
    record = CallRecord("call_1", "", "", problem=evil)
    record.outcome = Outcome(Disposition.FAILED, EndedBy.NETWORK, Cause.NETWORK_OUT_OF_ORDER)
    screen = io.StringIO()
    LiveDisplay(Console(file=screen, width=120)).finish(record)
    assert screen.getvalue().splitlines()[1] == "\\x1b[2J\\nforged"


def test_a_summary_includes_the_problem() -> None:
    record = CallRecord("call_1", "+1415•••0123", "")
    assert summary(record) == ["the call did not begin"]
    record.outcome = Outcome(Disposition.FAILED, EndedBy.CARRIER, Cause.NOT_AUTHORIZED)
    record.problem = "the keys are not accepted"
    assert summary(record) == ["failed: ended by carrier (Q.850 cause 57)", "the keys are not accepted"]


@pytest.mark.parametrize(
    ("json", "terminal", "environment", "kind"),
    [
        (True, True, {}, NoDisplay),
        (False, True, {}, LiveDisplay),
        (False, False, {}, PlainDisplay),
        (False, True, {"NO_COLOR": "1"}, PlainDisplay),
        (False, True, {"NO_COLOR": ""}, LiveDisplay),
        (False, True, {"TERM": "dumb"}, PlainDisplay),
    ],
)
def test_the_display_fits_where_the_output_goes(
    json: bool, terminal: bool, environment: dict[str, str], kind: type[Display], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    assert type(choose(json=json, environment=environment)) is kind


def test_the_display_looks_at_the_process_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert isinstance(choose(json=False), PlainDisplay)


def test_only_the_live_display_imports_rich() -> None:
    """It takes 80 ms, at the start of every command."""
    program = "import sys, offhook.cli.call.command; sys.exit('rich.console' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
