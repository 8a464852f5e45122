"""Placing a call from the command line, under virtual time and over linked legs."""

from __future__ import annotations

import asyncio
import functools
import json
import wave
from typing import TYPE_CHECKING

import pytest

from offhook import CallPolicy, Disposition, Phone
from offhook.cli.call.display import NoDisplay
from offhook.cli.call.placing import CallOrder, CallResult, place, report
from offhook.cli.exit_codes import ExitCode
from offhook.cli.stopping import Stop
from offhook.errors import ConfigError, CredentialsRejected, NumberRejected, TransportUnavailable
from offhook.interfaces import AudioSource
from offhook.interfaces.frame import AudioFrame
from offhook.interfaces.ids import Ids
from offhook.session.events import LeaveReason
from offhook.testing import FarMember, LinkedTransport, LoopClock, ScriptedCarrier, run_virtual

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from offhook.interfaces import Store

NUMBER = "+14155550123"
LOUD = AudioFrame(b"\x00\x20" * 320, 16_000)


class Stage:
    """A phone with doubles, and a callee whose steps can be scheduled."""

    def __init__(self, transport: LinkedTransport | None = None, carrier: ScriptedCarrier | None = None) -> None:
        self.transport = transport or LinkedTransport()
        self.carrier = carrier or ScriptedCarrier()
        self.callee = self.transport.member()

    def open_phone(self, store: Store | None) -> Phone:
        return Phone(
            carrier=self.carrier,
            transport=self.transport,
            store=store,
            clock=LoopClock(),
            ids=Ids(1),
            policy=CallPolicy(ring_timeout_s=10),
        )

    def at(self, seconds: float, *steps: Callable[[], object]) -> None:
        for step in steps:
            asyncio.get_running_loop().call_later(seconds, step)

    def speaks(self, start: float, seconds: float) -> None:
        for index in range(round(seconds * 50)):
            frame = AudioFrame(LOUD.pcm, 16_000, round(start * 16_000) + index * 320)
            self.at(start + index * 0.02, functools.partial(self.callee.say, frame))


def answers(callee: FarMember) -> tuple[Callable[[], None], Callable[[], None]]:
    return callee.join, callee.publish


def test_it_calls_from_the_line_that_was_chosen() -> None:
    async def main() -> None:
        stage = Stage()
        order = CallOrder(NUMBER, from_number="+18885550199")
        await place(order, stage.open_phone, NoDisplay())
        assert [request.from_number for request in stage.carrier.requests] == ["+18885550199"]

    run_virtual(main())


def test_it_ends_when_all_is_said_and_the_callee_has_been_quiet(tmp_path: Path) -> None:
    out, heard = tmp_path / "out", tmp_path / "heard.wav"

    async def main() -> tuple[CallResult, float, int]:
        stage = Stage()
        stage.at(1, *answers(stage.callee))
        stage.speaks(2.5, 1)
        order = CallOrder(
            NUMBER, say=["tone:440,1"], listen=[f"recorder:{heard}"], out=out, files={"callee_heard": "x.wav"}
        )
        placed = await place(order, stage.open_phone, NoDisplay())
        return placed, asyncio.get_running_loop().time(), len(stage.callee.heard)

    placed, took_s, frames = run_virtual(main())
    assert placed.code is ExitCode.COMPLETED
    assert took_s == pytest.approx(1 + 2.5 + 2, abs=0.6)  # stops at 3.5 s, the gate holds 0.5 s, 2 s of quiet
    assert frames == pytest.approx((took_s - 1) * 50, abs=2)
    assert sorted(path.name for path in out.iterdir()) == [
        "caller-heard.wav",
        "journal.jsonl",
        "mix.wav",
        "record.json",
    ]
    record = json.loads((out / "record.json").read_text())
    assert (record["disposition"], record["ended_by"], record["cause"]) == ("completed", "caller", 16)
    assert record["files"] == {"mix": "mix.wav", "caller_heard": "caller-heard.wav", "callee_heard": "x.wav"}
    for name in (out / "caller-heard.wav", heard):
        with wave.open(str(name)) as file:
            assert file.getnframes() == pytest.approx(took_s * 16_000, rel=0.02)


def test_it_ends_after_for_s() -> None:
    async def main() -> tuple[CallResult, float]:
        stage = Stage()
        stage.at(1, *answers(stage.callee))
        placed = await place(CallOrder(NUMBER, say=["tone:440"], for_s=3), stage.open_phone, NoDisplay())
        return placed, asyncio.get_running_loop().time()

    placed, took_s = run_virtual(main())
    assert placed.code is ExitCode.COMPLETED
    assert took_s == pytest.approx(4, abs=0.1)


def test_it_ends_when_the_callee_hangs_up() -> None:
    async def main() -> CallResult:
        stage = Stage()
        stage.at(1, *answers(stage.callee))
        stage.at(2, stage.callee.leave)
        return await place(CallOrder(NUMBER, say=["tone:440"]), stage.open_phone, NoDisplay())

    placed = run_virtual(main())
    assert placed.code is ExitCode.COMPLETED
    assert placed.record is not None
    assert placed.record.outcome is not None
    assert placed.record.outcome.ended_by.value == "callee"


def test_no_answer() -> None:
    placed = run_virtual(_placed(lambda stage: None))
    assert placed.code is ExitCode.NOT_ANSWERED


def test_a_callee_who_drops_out_is_a_failure() -> None:
    def script(stage: Stage) -> None:
        stage.at(1, *answers(stage.callee))
        stage.at(2, lambda: stage.callee.leave(LeaveReason.DROPPED))

    placed = run_virtual(_placed(script))
    assert placed.code is ExitCode.FAILED
    assert placed.record is not None
    assert "vanished" in placed.record.problem


def test_a_callee_who_returns_after_dropping_out_has_time_to_speak() -> None:
    def script(stage: Stage) -> None:
        stage.at(1, *answers(stage.callee))
        stage.at(2, lambda: stage.callee.leave(LeaveReason.DROPPED))
        stage.at(5, *answers(stage.callee))

    placed = run_virtual(_placed(script))
    assert placed.code is ExitCode.COMPLETED
    assert placed.record is not None
    assert placed.record.ended_at_s == pytest.approx(7, abs=0.1)


def test_a_source_that_breaks_in_mid_call_is_a_failure(tmp_path: Path) -> None:
    class Broken(AudioSource):
        async def read(self) -> AudioFrame | None:
            raise ValueError("torn tape")

        async def aclose(self) -> None:
            pass

    async def main() -> CallResult:
        stage = Stage()
        stage.at(1, *answers(stage.callee))

        def open_phone(store: Store | None) -> Phone:
            phone = stage.open_phone(store)
            phone.plugins.sources.add("broken", lambda _: Broken())
            return phone

        return await place(CallOrder(NUMBER, say=["broken"]), open_phone, NoDisplay())

    placed = run_virtual(main())
    assert placed.code is ExitCode.FAILED
    assert placed.record is not None
    assert "torn tape" in placed.record.problem


async def _placed(
    script: Callable[[Stage], None], stage: Stage | None = None, out: Path | None = None, say: list[str] | None = None
) -> CallResult:
    stage = stage or Stage()
    script(stage)
    return await place(CallOrder(NUMBER, say=say or [], out=out), stage.open_phone, NoDisplay())


def test_a_refused_call_leaves_a_record(tmp_path: Path) -> None:
    async def main() -> CallResult:
        carrier = ScriptedCarrier(CredentialsRejected("the keys are not accepted"))
        return await _placed(lambda stage: None, Stage(carrier=carrier), tmp_path / "out")

    placed = run_virtual(main())
    assert placed.code is ExitCode.REFUSED
    assert json.loads((tmp_path / "out/record.json").read_text())["disposition"] == "failed"


@pytest.mark.parametrize("existing", [True, False])
def test_an_error_before_dialling_leaves_no_files(tmp_path: Path, existing: bool) -> None:
    out = tmp_path / "out"
    if existing:
        out.mkdir()

    async def main() -> tuple[CallResult, list[str]]:
        stage = Stage(LinkedTransport(refuse_check=TransportUnavailable("nothing is listening")))
        return await _placed(lambda stage: None, stage, out), stage.carrier.rung

    placed, rung = run_virtual(main())
    assert (placed.code, rung) == (ExitCode.FAILED, [])
    assert not out.exists()


@pytest.mark.parametrize("say", ["wav:nowhere.wav", "nonsense:1", "!"])
def test_a_bad_spec_is_bad_usage_and_nothing_rings(say: str, tmp_path: Path) -> None:
    async def main() -> tuple[CallResult, list[str]]:
        stage = Stage()
        return await _placed(lambda stage: None, stage, tmp_path / "out", [say]), stage.carrier.rung

    placed, rung = run_virtual(main())
    assert (placed.code, rung) == (ExitCode.BAD_USAGE, [])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("number", ["4155550123", "+1911"])
def test_a_rejected_number_is_bad_usage_and_leaves_no_file(number: str, tmp_path: Path) -> None:
    async def main() -> CallResult:
        order = CallOrder(number, listen=[f"recorder:{tmp_path / 'heard.wav'}"], out=tmp_path / "out")
        return await place(order, Stage().open_phone, NoDisplay())

    result = run_virtual(main())
    assert (result.code, result.record) == (ExitCode.BAD_USAGE, None)
    assert isinstance(result.error, NumberRejected)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("for_s", [0, -1, float("nan"), float("inf")])
def test_an_invalid_time_to_talk_is_rejected(for_s: float) -> None:
    with pytest.raises(ConfigError, match="--for") as raised:
        CallOrder(NUMBER, for_s=for_s)
    assert raised.value.message.endswith(f"positive number of seconds, got {for_s:g}")


def test_an_output_folder_that_is_not_empty_is_rejected_and_unchanged(tmp_path: Path) -> None:
    (tmp_path / "mix.wav").write_text("precious")
    placed = run_virtual(_placed(lambda stage: None, out=tmp_path))
    assert placed.code is ExitCode.BAD_USAGE
    assert placed.error is not None
    assert "not empty" in placed.error.message
    assert (tmp_path / "mix.wav").read_text() == "precious"


def test_an_output_folder_that_is_a_file_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("precious")
    placed = run_virtual(_placed(lambda stage: None, out=tmp_path / "out"))
    assert placed.error is not None
    assert "cannot be used" in placed.error.message
    assert (tmp_path / "out").read_text() == "precious"


@pytest.mark.fault("F31")
@pytest.mark.parametrize("code", [None, ExitCode.TERMINATED])
@pytest.mark.parametrize("when_s", [0.5, 2])
def test_a_cancelled_call_hangs_up_first(when_s: float, code: ExitCode | None, tmp_path: Path) -> None:
    """Before the answer and after it; the exit code is that of the signal, or of ctrl-C if there was none."""
    stop = Stop()
    stop.code = code

    async def main() -> CallResult:
        stage = Stage()
        stage.at(1, *answers(stage.callee))
        order = CallOrder(NUMBER, say=["tone:440"], out=tmp_path / "out")
        task = asyncio.create_task(place(order, stage.open_phone, NoDisplay(), stop if code else None))
        asyncio.get_running_loop().call_later(when_s, task.cancel)
        placed = await task
        assert stage.transport.leg is None
        return placed

    placed = run_virtual(main())
    assert placed.code is (code or ExitCode.INTERRUPTED)
    assert json.loads((tmp_path / "out/record.json").read_text())["ended_by"] == "caller"


@pytest.mark.fault("F31")
def test_a_source_that_hangs_while_closing_does_not_block_the_command() -> None:
    class Hanging(AudioSource):
        async def read(self) -> AudioFrame | None:
            return None

        async def aclose(self) -> None:
            await asyncio.Event().wait()

    async def main() -> tuple[CallResult, float]:
        stage = Stage()
        stage.at(1, *answers(stage.callee))

        def open_phone(store: Store | None) -> Phone:
            phone = stage.open_phone(store)
            phone.plugins.sources.add("hanging", lambda _: Hanging())
            return phone

        placed = await place(CallOrder(NUMBER, say=["hanging"]), open_phone, NoDisplay())
        return placed, asyncio.get_running_loop().time()

    placed, took_s = run_virtual(main())
    assert placed.code is ExitCode.FAILED
    assert placed.error is not None
    assert "Hanging' failed in aclose: no answer within 1 s" in placed.error.message
    assert took_s < 15


def test_the_report_is_one_json_document(capsys: pytest.CaptureFixture[str]) -> None:
    error = TransportUnavailable("nothing is listening at http://127.0.0.1:9")
    assert report(CallResult(ExitCode.FAILED, None, error), as_json=True) is ExitCode.FAILED
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {
        "disposition": None,
        "error": {"code": "transport_unavailable", "message": "nothing is listening at http://127.0.0.1:9"},
    }
    assert printed.err == "offhook: nothing is listening at http://127.0.0.1:9\n"


def test_without_json_nothing_more_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    placed = run_virtual(_placed(lambda stage: None))
    assert report(placed, as_json=False) is ExitCode.NOT_ANSWERED
    assert capsys.readouterr().out == ""
    assert report(placed, as_json=True) is ExitCode.NOT_ANSWERED
    assert json.loads(capsys.readouterr().out)["disposition"] == "no_answer"


def test_the_files_of_a_call_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    placed = run_virtual(_placed(lambda stage: None, out=out))
    report(placed, as_json=False, out=out)
    printed = capsys.readouterr().out
    assert f"in {out}/:" in printed
    assert "mix.wav            both on one timeline" in printed


def test_a_call_that_lost_its_record_has_failed(tmp_path: Path) -> None:
    async def main() -> CallResult:
        stage = Stage()
        stage.at(1, *answers(stage.callee))
        record = tmp_path / "out/record.json"
        stage.at(1.5, record.unlink)
        stage.at(1.5, record.mkdir)  # so that it cannot be written any more
        return await place(CallOrder(NUMBER, out=tmp_path / "out"), stage.open_phone, NoDisplay())

    placed = run_virtual(main())
    assert placed.code is ExitCode.FAILED
    assert placed.record is not None
    assert placed.record.disposition is Disposition.COMPLETED
    assert "record.json" in placed.record.problem
