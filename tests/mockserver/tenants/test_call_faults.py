"""Faults of tokens, joins and channels: what a phone makes of them, in virtual time, through the door in memory."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from offhook.errors import JoinFailed, JoinTimeout, TokenRejected
from offhook.interfaces import AudioFrame, Ids
from offhook.secret import Secret
from offhook.session import CallPolicy
from offhook.testing import LoopClock, run_virtual
from offhook_mockserver.callees.script import Answer, Script, Wait
from offhook_mockserver.doors.memory.transport import MemoryTransport
from offhook_mockserver.server import InProcessMock, RenewsGrants, TenantSettings, TokenFlaw
from offhook_mockserver.tenants.effects import FlawedToken
from offhook_mockserver.tenants.entry import EntryKind
from offhook_mockserver.tenants.flawed_token import mint_flawed_token
from offhook_wire.access_token import TokenInvalid, TokenReason

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from offhook.interfaces import LegEvent

NUMBER, OTHER = "+14155550101", "+14155550102"
PATIENT = Script("answers and waits", (Answer(), Wait(600.0)))


def mocked(settings: TenantSettings | None = None) -> InProcessMock:
    return InProcessMock(clock=LoopClock(), ids=Ids(1), tenant=settings, script_for=lambda number: PATIENT)


def run(test: Callable[[InProcessMock], Awaitable[None]], settings: TenantSettings | None = None) -> None:
    async def main() -> None:
        async with mocked(settings) as mock:
            await test(mock)

    run_virtual(main())


class Quiet:
    """The handler of a client that does nothing."""

    def on_event(self, event: LegEvent) -> None:
        pass

    def on_audio(self, uid: int, frame: AudioFrame) -> None:
        pass


def now() -> float:
    return asyncio.get_running_loop().time()


@pytest.mark.fault("F14")
@pytest.mark.parametrize(
    ("flaw", "reason"), [("expired", 9), ("forged", 8), ("other channel", 8), ("other uid", 8), ("other app", 8)]
)
def test_a_token_with_a_flaw_is_rejected_once_with_agoras_reason(flaw: str, reason: int) -> None:
    async def test(mock: InProcessMock) -> None:
        async with mock.phone() as phone:
            with mock.tenant.faults.token(flaw) as fault, pytest.raises(TokenRejected) as caught:
                async with phone.dial(NUMBER):
                    pass
            assert (caught.value.reason, fault.count) == (reason, 1)
            assert len(mock.tenant.journal.search(kind=EntryKind.FAULT)) == 1

    run(test)


@pytest.mark.fault("F15")
def test_a_short_token_is_renewed_without_a_gap() -> None:
    async def test(mock: InProcessMock) -> None:
        mock.tenant.faults.token(life_s=10)
        async with mock.phone(plugins=[plugin := RenewsGrants(mock)]) as phone, phone.dial(NUMBER) as call:
            assert await call.answered()
            await asyncio.sleep(25)
            assert plugin.renewed >= 1
            notes = mock.tenant.journal.search(kind=EntryKind.MEMBER, text="the token of a caller")
            assert {entry.fields["event"] for entry in notes} == {"token_expiring", "token_renewed"}
            await call.hang_up()
        left = mock.tenant.journal.search(kind=EntryKind.MEMBER, where={"event": "left", "who": "caller"})
        assert [entry.fields.get("renewed") for entry in left] == [None]
        (ended,) = mock.tenant.ended
        assert ended.counters()["gap_samples"] == 0

    run(test)


@pytest.mark.fault("F16")
def test_a_renewal_that_is_refused_ends_the_call_before_its_token_does() -> None:
    async def test(mock: InProcessMock) -> None:
        mock.tenant.faults.token(life_s=10)
        fault = mock.tenant.faults.renewal_refused()
        async with mock.phone(plugins=[RenewsGrants(mock)]) as phone, phone.dial(NUMBER) as call:
            await call.ended()
            assert call.record.outcome is not None
            assert call.record.outcome.cause == 57
            assert now() < 10
        assert fault.count >= 1
        (left,) = mock.tenant.journal.search(kind=EntryKind.MEMBER, where={"renewed": False})
        assert left.text.endswith(" left the channel; its token was about to expire and had not been renewed")
        await mock.tenant.journal.wait_for(kind="call", where={"event": "ended"}, timeout_s=5)
        (ended,) = mock.tenant.journal.search(kind="callee", where={"code": "caller_left"})
        assert ended.text == "the caller's token expired and was not renewed"
        (over,) = mock.tenant.journal.search(kind="call", where={"event": "ended"})
        assert over.text.endswith("has ended: the caller's token expired and was not renewed")

    run(test)


@pytest.mark.fault("F16")
@pytest.mark.parametrize(
    ("waits_s", "why"), [(6, "caller hung up"), (8.5, "the caller's token expired and was not renewed")]
)
def test_a_caller_who_hangs_up_long_before_its_token_expires_hangs_up(waits_s: float, why: str) -> None:
    async def test(mock: InProcessMock) -> None:
        mock.tenant.faults.token(life_s=10)
        async with mock.phone() as phone, phone.dial(NUMBER) as call:
            assert await call.answered()
            await asyncio.sleep(waits_s)  # the token is reported as expiring after 5 s
            await call.hang_up()
        await mock.tenant.journal.wait_for(kind="call", where={"event": "ended"}, timeout_s=5)
        (ended,) = mock.tenant.journal.search(kind="callee", where={"code": "caller_left"})
        assert ended.text == why

    run(test)


@pytest.mark.fault("F16")
def test_one_refused_renewal_is_tried_again() -> None:
    async def test(mock: InProcessMock) -> None:
        mock.tenant.faults.token(life_s=60)
        fault = mock.tenant.faults.renewal_refused(times=1)
        async with mock.phone(plugins=[RenewsGrants(mock)]) as phone, phone.dial(NUMBER) as call:
            assert await call.answered()
            await asyncio.sleep(90)
            await call.hang_up()
            assert call.record.outcome is not None
            assert (call.record.outcome.cause, fault.count) == (16, 1)

    run(test)


@pytest.mark.fault("F13")
def test_a_join_that_gets_no_answer_times_out_and_is_counted() -> None:
    async def test(mock: InProcessMock) -> None:
        async with mock.phone(policy=CallPolicy(setup_timeout_s=7)) as phone:
            with mock.tenant.faults.join_never_answers() as fault, pytest.raises(JoinTimeout):
                async with phone.dial(NUMBER):
                    pass
            assert (now(), fault.count) == (9, 1), "7 s, and 2 s in which the join may end"
            async with phone.dial(NUMBER, redial=True) as call:
                assert await call.answered()

    run(test)


@pytest.mark.fault("F13")
def test_a_join_that_is_held_goes_on_when_the_fault_is_undone() -> None:
    async def test(mock: InProcessMock) -> None:
        fault = mock.tenant.faults.join_never_answers(times=1, to=NUMBER)
        asyncio.get_running_loop().call_later(3, fault.undo)
        async with mock.phone() as phone, phone.dial(NUMBER) as call:
            assert await call.answered()
            assert now() == 3

    run(test)


@pytest.mark.fault("F13")
def test_a_join_that_is_held_ends_with_its_channel() -> None:
    async def test(mock: InProcessMock) -> None:
        mock.tenant.faults.join_never_answers()
        mock.tenant.settings.join_window_s = 4
        async with mock.phone() as phone:
            with pytest.raises(JoinFailed, match="closed"):
                async with phone.dial(NUMBER):
                    pass

    run(test)


def test_a_caller_is_kicked_with_a_reason_and_others_are_not() -> None:
    async def test(mock: InProcessMock) -> None:
        fault = mock.tenant.faults.kick(after_s=2.5, reason="banned", to=NUMBER)
        async with mock.phone() as phone, phone.dial(NUMBER) as call, phone.dial(OTHER) as other:
            await call.ended()
            assert now() == 2.5
            await asyncio.sleep(6)  # longer than a caller that dropped may be away
            assert (fault.count, len(mock.tenant.calls)) == (1, 1)
            await other.hang_up()

    run(test)


def test_a_caller_that_is_there_is_kicked_as_soon_as_the_fault_is_made() -> None:
    async def test(mock: InProcessMock) -> None:
        async with mock.phone() as phone, phone.dial(NUMBER) as call:
            await asyncio.sleep(5)
            fault = mock.tenant.faults.kick(times=1)
            await call.ended()
            assert (now(), fault.count, fault.active) == (5, 1, False)

    run(test)


def test_a_kick_that_is_undone_in_time_does_not_happen() -> None:
    async def test(mock: InProcessMock) -> None:
        async with mock.phone() as phone, phone.dial(NUMBER) as call:
            with mock.tenant.faults.kick(after_s=2) as fault:
                await asyncio.sleep(1)
            await asyncio.sleep(5)
            assert (fault.count, len(mock.tenant.calls)) == (0, 1)
            await call.hang_up()

    run(test)


@pytest.mark.fault("F18")
def test_another_client_joins_with_our_uid() -> None:
    async def test(mock: InProcessMock) -> None:
        fault = mock.tenant.faults.duplicate_uid(after_s=2, stays_s=3)
        async with mock.phone() as phone, phone.dial(NUMBER) as call:
            assert await call.answered()
            await call.ended()
            assert (now(), fault.count) == (2, 1)
            assert len(mock.tenant.calls) == 1, "the other client is still there"
            await asyncio.sleep(4)
            assert not mock.tenant.calls

    run(test)


def test_a_channel_is_gone_before_the_join() -> None:
    async def test(mock: InProcessMock) -> None:
        with mock.tenant.faults.channel_gone() as fault:
            async with mock.phone() as phone:
                with pytest.raises(JoinFailed):
                    async with phone.dial(NUMBER):
                        pass
        assert fault.count == 1

    run(test)


def test_a_channel_is_closed_under_its_caller() -> None:
    async def test(mock: InProcessMock) -> None:
        with mock.tenant.faults.channel_gone(after_s=1.5) as fault:
            async with mock.phone() as phone, phone.dial(NUMBER) as call:
                await call.ended()
                assert (now(), fault.count) == (1.5, 1)

    run(test)


def test_a_fault_of_a_channel_does_not_apply_to_other_channels() -> None:
    async def test(mock: InProcessMock) -> None:
        async with mock.phone() as phone, phone.dial(NUMBER) as call, phone.dial(OTHER) as other:
            mock.tenant.faults.kick(channel=call.record.channel)
            await call.ended()
            await asyncio.sleep(6)
            assert list(mock.tenant.calls) == [other.record.channel]
            await other.hang_up()

    run(test)


@pytest.mark.fault("F14")
@pytest.mark.parametrize(("life_s", "wall_s"), [(0xFFFFFFFF, 1_700_000_000), (10, 30), (10, 0)])
def test_an_expired_token_can_be_had_at_any_time_and_of_any_life(life_s: int, wall_s: float) -> None:
    async def test(mock: InProcessMock) -> None:
        mock.tenant.clock.set_wall(wall_s)
        started = mock.calls.start(mock.tenant, NUMBER, mock.from_number)
        flawed = FlawedToken(flaw=TokenFlaw.EXPIRED, life_s=life_s)
        token = Secret(mint_flawed_token(mock.tenant, started, flawed))
        await asyncio.sleep(2)
        with pytest.raises(TokenInvalid) as caught:
            started.room.verify(token, 7)
        assert caught.value.reason is TokenReason.EXPIRED

    run(test)


def test_a_fault_keeps_the_counts_of_clients_that_have_left_and_not_the_clients() -> None:
    async def test(mock: InProcessMock) -> None:
        fault = mock.tenant.faults.media(loss=1.0, duplicate=0.5)
        for _ in range(3):
            started = mock.calls.start(mock.tenant, NUMBER, mock.from_number)
            leg = await MemoryTransport(mock).join(mock.renew(started.channel), Quiet())
            for number in range(5):
                leg.send(AudioFrame(bytes(640), 16_000, number * 320))
            await leg.leave()
            await asyncio.sleep(1)
        assert (fault.count, fault.impairments) == (3, [])
        assert fault.carried == fault.lost >= 15
        assert fault.duplicated == 0

    run(test)
