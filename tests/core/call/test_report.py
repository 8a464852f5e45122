"""News from the carrier: what it reports of a call reaches the session, once, and never breaks anything."""

from __future__ import annotations

import asyncio
import re
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.core.rig import NUMBER, NUMBERS, POLICY, later, now, rig, run

from offhook import CallState, Disposition
from offhook.errors import CallStateError, ConfigError
from offhook.interfaces import CarrierReport
from offhook.session.outcome import Cause, EndedBy, Outcome
from offhook.session.states import Evidence

if TYPE_CHECKING:
    from tests.core.rig import Rig

    from offhook import Call

DECLINED = Outcome(Disposition.DECLINED, EndedBy.CALLEE, Cause.CALL_REJECTED)
BUSY = Outcome(Disposition.BUSY, EndedBy.CALLEE, Cause.USER_BUSY)


def reports(call: Call) -> list[str]:
    return [entry.detail for entry in call.record.timeline if entry.event == "WebhookReported"]


@pytest.mark.parametrize("by", ["channel", "call_id"])
@pytest.mark.parametrize("outcome", [DECLINED, BUSY])
def test_a_call_that_rings_ends_as_the_carrier_says(outcome: Outcome, by: str) -> None:
    async def main() -> None:
        r = rig(policy=POLICY)
        async with r.phone, r.phone.dial(NUMBER) as call:
            name: dict[str, Any] = {by: getattr(call.record, by)}
            later(3, r.phone.report, CarrierReport(outcome.disposition, **name))
            assert not await call.answered()
            assert now() == 3
        assert call.record.outcome == outcome
        (step,) = [entry for entry in call.record.timeline if entry.event == "WebhookReported"]
        assert (step.call, step.evidence) == (CallState.ENDING, Evidence.WEBHOOK)
        assert "WebhookReported" in r.events()
        assert call.record.problem == ""

    run(main())


def test_a_report_while_we_are_joining_ends_the_call_without_an_error() -> None:
    async def main() -> None:
        r = rig(policy=POLICY)
        r.transport.join_gate.clear()
        async with r.phone:
            call = r.phone.dial(NUMBER)

            def decline() -> None:
                assert r.phone.report(CarrierReport(Disposition.DECLINED, channel=call.record.channel))
                r.transport.join_gate.set()

            later(1, decline)
            async with call:
                for use, name in ((lambda: call.listen("recorder:a.wav"), "listen"), (call.clear, "clear")):
                    message = rf"^{name}\(\) needs our leg in the channel, and this call ended \(declined\) before it"
                    with pytest.raises(CallStateError, match=message):
                        use()
                assert not await call.answered()
            assert call.record.outcome == DECLINED

    run(main())


def test_an_answered_call_is_completed_and_nothing_else() -> None:
    async def main() -> None:
        r = rig(policy=POLICY)
        r.answer()
        async with r.phone, r.phone.dial(NUMBER) as call:
            assert await call.answered()
            channel = call.record.channel
            assert not r.phone.report(CarrierReport(Disposition.DECLINED, channel=channel)), "it was answered"
            assert call.state is CallState.ACTIVE
            assert r.phone.report(CarrierReport(Disposition.COMPLETED, channel=channel))
            await call.ended()
        assert call.record.disposition is Disposition.COMPLETED
        assert reports(call) == ["disposition=declined", "disposition=completed"]

    run(main())


def test_a_report_that_comes_again_or_late_changes_nothing() -> None:
    async def main() -> None:
        r = rig(policy=POLICY)
        async with r.phone:
            async with r.phone.dial(NUMBER) as call:
                report = CarrierReport(Disposition.BUSY, channel=call.record.channel)
                assert r.phone.report(report)
                assert not r.phone.report(report)
                assert not r.phone.report(CarrierReport(Disposition.DECLINED, call_id=call.record.call_id))
            assert not r.phone.report(report), "it has ended"
            assert reports(call) == ["disposition=busy"]
            assert call.record.outcome == BUSY
        assert not r.phone.report(report), "the phone was closed"

    run(main())


def test_a_report_for_no_call_of_ours_is_no_error() -> None:
    async def main() -> None:
        r = rig(policy=POLICY)
        assert not r.phone.report(CarrierReport(Disposition.BUSY, channel="not ours"))
        call = r.phone.dial(NUMBER)
        assert not r.phone.report(CarrierReport(Disposition.BUSY, call_id=call.record.call_id)), "it was not dialled"
        async with r.phone, call, r.phone.dial(NUMBERS[0]) as other:
            assert not r.phone.report(CarrierReport(Disposition.BUSY, channel="not ours"))
            assert r.phone.report(CarrierReport(Disposition.BUSY, channel=other.record.channel))
            assert call.state is CallState.RINGING, "it is about the other one"

    run(main())


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, "by channel or by call_id"),
        ({"channel": "a", "call_id": "b"}, "by channel or by call_id"),
        ({"channel": "a", "number": NUMBER}, "a number needs from_number"),
        ({"from_number": NUMBER}, "a number needs from_number"),
        ({"channel": "a", "at_s": "today"}, r"at_s=\.\.\.\) must be a number"),
        ({"channel": "a", "grade": "assumed"}, r"grade=\.\.\.\) must be one of Grade\.DOCUMENTED"),
    ],
)
def test_a_report_names_one_call(given: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        CarrierReport(Disposition.BUSY, **given)


def test_a_report_shows_no_numbers() -> None:
    report = CarrierReport(Disposition.BUSY, number=NUMBER, from_number=NUMBERS[0])
    assert NUMBER not in repr(report)
    assert NUMBERS[0] not in repr(report)


@pytest.mark.parametrize("given", ["declined", "hung up", None, Disposition.FAILED, Disposition.CANCELED])
def test_a_report_has_a_disposition_that_a_carrier_can_know(given: object) -> None:
    shown = re.escape(f"{type(given).__name__} '{given}'")
    allowed = r"Disposition\.DECLINED, Disposition\.BUSY, Disposition\.NO_ANSWER, Disposition\.COMPLETED"
    with pytest.raises(ConfigError, match=rf"must be one of {allowed}; got {shown}$"):
        CarrierReport(given, channel="a")  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [{"channel": b"a"}, {"call_id": 7}, {"number": 1}, {"text": None}])
def test_a_report_names_its_call_by_text(given: dict[str, Any]) -> None:
    with pytest.raises(
        ConfigError, match=r"^CarrierReport\((channel|call_id|number|text)=\.\.\.\) must be a str, got "
    ):
        CarrierReport(Disposition.BUSY, **given)


def test_another_thread_is_refused_and_the_error_names_the_way() -> None:
    async def main() -> None:
        r = rig(policy=POLICY)
        async with r.phone, r.phone.dial(NUMBER) as call:
            report = CarrierReport(Disposition.BUSY, channel=call.record.channel)
            refused: list[CallStateError] = []
            thread = threading.Thread(target=_report, args=(r, report, refused))
            thread.start()
            thread.join()
            assert "loop.call_soon_threadsafe" in str(refused[0])
            assert call.state is CallState.RINGING
            loop = asyncio.get_running_loop()
            thread = threading.Thread(target=loop.call_soon_threadsafe, args=(r.phone.report, report))
            thread.start()
            thread.join()
            await call.ended()
        assert call.record.outcome == BUSY

    run(main())


def _report(r: Rig, report: CarrierReport, refused: list[CallStateError]) -> None:
    try:
        r.phone.report(report)
    except CallStateError as error:
        refused.append(error)
