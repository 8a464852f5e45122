"""Reports of the carrier that arrive after the end, before the carrier's answer, or without the name of a call."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import TYPE_CHECKING

import pytest
from tests.core.rig import NUMBER, NUMBERS, POLICY, later, load, phone_with, rig, run

from offhook import CallState, Disposition, Evidence, Grade
from offhook.call.reports import MOST_ENDED, MOST_WAITING, REMEMBERED_S
from offhook.errors import CallStateError, RequestRejected, StartAmbiguous
from offhook.interfaces import CarrierReport
from offhook.plugin import hookimpl
from offhook.records import replay
from offhook.session import CallRecord, TakenReport
from offhook.testing import LoopClock, MemoryStore, ScriptedCarrier
from offhook.testing.invariants import violations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.core.rig import Rig

    from offhook import Call
    from offhook.interfaces import DialRequest, Document, Grant

LINE = "+14155550001"
OTHER_LINE = "+14155550002"


class Lines(ScriptedCarrier):
    """A carrier that names its line."""

    async def lines_to_choose(self) -> Sequence[str]:
        return (LINE,)


async def unanswered(r: Rig, number: str = NUMBER, from_number: str | None = None) -> Call:
    """A call that is not answered."""
    call = r.phone.dial(number, from_number=from_number, redial=True)
    async with call:
        assert not await call.answered()
    assert call.record.disposition is Disposition.NO_ANSWER
    return call


def by_numbers(
    disposition: Disposition = Disposition.DECLINED,
    *,
    number: str = NUMBER,
    from_number: str = LINE,
    at_s: float | None = None,
    channel: str = "",
) -> CarrierReport:
    return CarrierReport(disposition, channel=channel, number=number, from_number=from_number, at_s=at_s, text="a log")


def check(r: Rig, call: Call) -> None:
    """Record, journal and store agree, and the journal can be replayed."""
    record = call.record
    journal = [dict(entry) for entry in r.store.journal if entry["call_id"] == record.call_id]
    assert not violations(record, policy=POLICY, journal=journal, saved=r.store.records[record.call_id])
    stored = r.store.records[record.call_id]
    assert stored["disposition"] == record.disposition
    assert stored["timeline"] == journal
    replayed = replay(journal)
    assert not replayed.differences
    assert replayed.ended


@pytest.mark.fault("F54")
def test_a_call_that_was_not_answered_turns_out_to_be_declined() -> None:
    async def main() -> None:
        r = rig(policy=POLICY)
        async with r.phone:
            call = await unanswered(r)
            ended_at_s = call.record.ended_at_s
            await asyncio.sleep(100)
            text = f"call_log: declined by {NUMBER}"
            report = CarrierReport(Disposition.DECLINED, call.record.channel, grade=Grade.ASSUMED, text=text)
            assert r.phone.report(report)
            record = call.record
            assert record.disposition is Disposition.DECLINED
            assert record.report == TakenReport(
                Disposition.DECLINED,
                Grade.ASSUMED,
                130.0,
                text="call_log: declined by +1415•••0123",
                before=Disposition.NO_ANSWER,
            )
            assert (record.ended_at_s, record.rang, call.state) == (ended_at_s, "assumed", CallState.ENDED)
            last = record.timeline[-1]
            assert (last.event, last.changed, last.evidence) == ("WebhookReported", False, Evidence.WEBHOOK)
            assert (last.grade, last.call, last.at_s) == (Grade.ASSUMED, CallState.ENDED, 130.0)
            assert last.detail == "disposition=declined (call_log: declined by +1415•••0123)"
            stored = r.store.records[record.call_id]
            assert stored["report"] == {
                "disposition": "declined",
                "grade": "assumed",
                "evidence": "webhook",
                "at_s": 130.0,
                "text": "call_log: declined by +1415•••0123",
                "before": "no_answer",
            }
            check(r, call)
            entries = len(r.store.journal)
            for again in (report, CarrierReport(Disposition.NO_ANSWER, record.channel)):
                assert not r.phone.report(again), "it is repeated, or knows less"
            assert len(r.store.journal) == entries

    run(main())


def test_a_report_that_says_what_is_known_is_kept_once() -> None:
    async def main() -> None:
        r = rig(policy=POLICY)
        r.answer()
        async with r.phone:
            async with r.phone.dial(NUMBER) as call:
                assert await call.answered()
            channel = call.record.channel
            assert not r.phone.report(CarrierReport(Disposition.BUSY, channel)), "we heard the answer"
            assert call.record.report is None
            assert r.phone.report(CarrierReport(Disposition.COMPLETED, channel))
            assert call.record.report is not None
            assert call.record.report.before is None
            assert not r.phone.report(CarrierReport(Disposition.COMPLETED, channel))
            check(r, call)

    run(main())


@pytest.mark.fault("F2")
@pytest.mark.parametrize("answer", [StartAmbiguous("lost"), RequestRejected("408", may_have_rung=True)])
def test_a_call_whose_start_was_lost_is_resolved_by_its_numbers(answer: Exception) -> None:
    async def main() -> None:
        r = rig(policy=POLICY, carrier=Lines(answer))
        async with r.phone:
            call = r.phone.dial(NUMBER)
            with pytest.raises(type(answer)):
                async with call:
                    pass
            record = call.record
            assert (record.rang, record.disposition) == ("unknown", Disposition.FAILED)
            # Its channel is not known, so any may be its own.
            assert r.phone.report(by_numbers(Disposition.NO_ANSWER, channel="ft_call_00000000000000aa"))
            assert (record.rang, record.disposition) == ("reported", Disposition.NO_ANSWER)
            assert record.problem, "something did break"
            assert record.report is not None
            assert (record.report.grade, record.report.text) == (Grade.ASSUMED, "a log; matched by its numbers")
            assert r.phone.report(by_numbers(Disposition.BUSY)), "this knows more"
            assert record.disposition is Disposition.BUSY
            assert record.from_number == "+1415•••0001"
            check(r, call)

    run(main())


def test_a_call_that_did_not_ring_cannot_be_reported() -> None:
    async def main() -> None:
        r = rig(policy=POLICY, carrier=Lines(RequestRejected("no")))
        async with r.phone:
            call = r.phone.dial(NUMBER)
            with pytest.raises(RequestRejected):
                async with call:
                    pass
            assert not r.phone.report(by_numbers())
            assert not r.phone.report(CarrierReport(Disposition.BUSY, call_id=call.record.call_id))
            assert call.record.disposition is Disposition.FAILED

    run(main())


def test_a_caller_who_hung_up_stays_the_one_who_ended_the_call() -> None:
    async def main() -> None:
        r = rig(policy=POLICY)
        r.carrier.gate.clear()
        async with r.phone:
            call = r.phone.dial(NUMBER)
            entering = asyncio.create_task(call.__aenter__())
            await asyncio.sleep(1)
            await call.hang_up()
            await entering
            assert (call.record.disposition, call.record.rang) == (Disposition.CANCELED, "unknown")
            assert r.phone.report(CarrierReport(Disposition.DECLINED, call_id=call.record.call_id))
            assert (call.record.disposition, call.record.rang) == (Disposition.CANCELED, "reported")
            check(r, call)

    run(main())


def test_a_webhook_may_be_faster_than_the_answer_of_the_carrier() -> None:
    async def main() -> None:
        r = rig(policy=POLICY)
        r.carrier.gate.clear()
        async with r.phone:
            call = r.phone.dial(NUMBER)
            report = CarrierReport(Disposition.DECLINED, "ft_call_0000000000000001")
            foreign = CarrierReport(Disposition.DECLINED, "ft_call_00000000000000ff")

            def early() -> None:
                for item in (report, report, foreign):
                    assert not r.phone.report(item)
                assert r.phone.waiting_reports == (report, foreign)
                r.carrier.gate.set()

            later(1, early)
            async with call:
                assert not await call.answered()
            assert call.record.disposition is Disposition.DECLINED
            assert call.record.report is not None
            assert call.record.report.before is None, "it ended the call"
            assert r.phone.waiting_reports == (foreign,)
            await asyncio.sleep(REMEMBERED_S + 1)
            assert r.phone.waiting_reports == ()

    run(main())


def test_a_report_by_numbers_ends_no_call_and_amends_it_when_it_has_ended() -> None:
    async def main() -> None:
        r = rig(policy=POLICY, carrier=Lines())
        async with r.phone:
            call = r.phone.dial(NUMBER)
            async with call:
                assert not r.phone.report(by_numbers()), "it may be of an earlier call, of a process that is gone"
                assert call.state is CallState.RINGING
                assert not await call.answered()
            assert call.record.disposition is Disposition.DECLINED
            assert call.record.report is not None
            assert call.record.report.before is Disposition.NO_ANSWER
            assert not r.phone.waiting_reports
            check(r, call)

    run(main())


def test_numbers_name_a_call_only_if_one_fits() -> None:
    async def main() -> None:
        r = rig(policy=POLICY, carrier=Lines())
        wall_s = LoopClock().wall_s()
        async with r.phone:
            first = await unanswered(r)
            await asyncio.sleep(1000)
            others = [
                by_numbers(number=NUMBERS[0]),
                by_numbers(from_number=OTHER_LINE),
                by_numbers(at_s=wall_s - 16),
                by_numbers(at_s=wall_s + 30 + 16),
                # It looks like the channel of another call.
                by_numbers(channel="ft_call_00000000000000ff"),
            ]
            for report in others:
                assert not r.phone.report(report), report
            assert r.phone.waiting_reports == tuple(others)
            second = await unanswered(r)
            assert not r.phone.report(by_numbers(Disposition.BUSY)), "two fit"
            assert not r.phone.report(
                CarrierReport(Disposition.BUSY, call_id="call_of_another_process", number=NUMBER, from_number=LINE)
            )
            assert r.phone.report(by_numbers(at_s=wall_s + 1, channel="3fae-call-of-sendblue"))
            assert [call.record.disposition for call in (first, second)] == [
                Disposition.DECLINED,
                Disposition.NO_ANSWER,
            ]

    run(main())


def test_a_call_from_an_unknown_line_cannot_be_found_by_numbers() -> None:
    async def main() -> None:
        r = rig(policy=POLICY)
        async with r.phone:
            call = await unanswered(r)
            assert call.record.from_number == ""
            assert not r.phone.report(by_numbers())
            named = await unanswered(r, NUMBERS[0], OTHER_LINE)
            assert named.record.from_number == "+1415•••0002"
            assert r.phone.report(by_numbers(number=NUMBERS[0], from_number=OTHER_LINE))

    run(main())


def test_calls_are_remembered_for_an_hour_and_their_number_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (MOST_ENDED, MOST_WAITING, REMEMBERED_S) == (1000, 1000, 3600)
    monkeypatch.setattr("offhook.call.reports.MOST_ENDED", 2)

    async def main() -> None:
        r = rig(policy=POLICY)
        async with r.phone:
            first, second, third = [await unanswered(r, number) for number in NUMBERS[:3]]
            for call, known in ((first, False), (second, True)):
                assert r.phone.report(CarrierReport(Disposition.BUSY, call.record.channel)) is known
            await asyncio.sleep(REMEMBERED_S)
            assert r.phone.report(CarrierReport(Disposition.BUSY, third.record.channel))
            await asyncio.sleep(1)
            assert not r.phone.report(CarrierReport(Disposition.BUSY, call_id=third.record.call_id))

    run(main())


class Losing(ScriptedCarrier):
    """Loses each answer, and keeps no error of it."""

    async def start_call(self, request: DialRequest) -> Grant:
        raise StartAmbiguous("lost")


def test_nothing_of_a_call_is_kept_but_its_record() -> None:
    async def failed(r: Rig, number: str) -> tuple[CallRecord, list[weakref.ref[object]]]:
        call = r.phone.dial(number)
        with pytest.raises(StartAmbiguous):
            await call.__aenter__()
        error = call._driver.error
        assert error is not None
        assert error.__traceback__ is not None, "which holds frames of the program"
        return call.record, [weakref.ref(call._driver), weakref.ref(error)]

    async def main() -> None:
        r = rig(policy=POLICY, carrier=Losing())
        async with r.phone:
            record, kept = await failed(r, NUMBER)
            await failed(r, NUMBERS[0])  # a phone lets go of what has ended when it dials
            gc.collect()
            assert [item() for item in kept] == [None, None]
            assert r.phone.report(CarrierReport(Disposition.BUSY, call_id=record.call_id))
            assert record.disposition is Disposition.BUSY

    run(main())


class _Full(MemoryStore):
    """A store that is full at some time."""

    full = False

    def append(self, call_id: str, entry: Document) -> None:
        if self.full:
            raise OSError("no space")
        super().append(call_id, entry)


def test_a_store_that_fails_does_not_keep_the_record_from_being_amended(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        store = _Full()
        r = phone_with(store)
        async with r.phone:
            call = await unanswered(r)
            store.full = True
            assert r.phone.report(CarrierReport(Disposition.BUSY, call.record.channel))
            assert call.record.disposition is Disposition.BUSY
            assert store.records[call.record.call_id]["disposition"] == "busy"
            assert call.record.problem == "", "the record is final but for the report"
        assert [record.message for record in caplog.records if "no space" in record.message]

    run(main())


def test_observers_see_the_end_once_and_a_report_before_the_end_of_the_record() -> None:
    seen: list[Disposition | None] = []

    class Observer:
        @hookimpl
        def offhook_call_ended(self, call_id: str, record: CallRecord) -> None:
            seen.append(record.disposition)

    async def main() -> None:
        r = rig(policy=POLICY, plugins=load(Observer()), carrier=Lines())
        async with r.phone:
            call = r.phone.dial(NUMBER)
            async with call:
                assert not r.phone.report(by_numbers())
                await call.answered()
            assert seen == [Disposition.DECLINED], "the report was waiting"
            assert r.phone.report(CarrierReport(Disposition.BUSY, call.record.channel)) is False
            assert seen == [Disposition.DECLINED]

    run(main())


def test_a_closed_phone_takes_no_reports_and_another_loop_may_not_report() -> None:
    async def main() -> None:
        r = rig(policy=POLICY)
        async with r.phone:
            call = await unanswered(r)
        assert not r.phone.report(CarrierReport(Disposition.BUSY, call.record.channel))
        assert call.record.disposition is Disposition.NO_ANSWER
        with pytest.raises(CallStateError):
            await asyncio.to_thread(r.phone.report, CarrierReport(Disposition.BUSY, "x"))

    run(main())
