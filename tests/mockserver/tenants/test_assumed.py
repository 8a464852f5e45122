"""The assumed behaviours of FaceTime calls: each is a setting, and each is tested with both values."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.mockserver.tenants.scene import NUMBER, call, join, mock_with, on

from offhook import AnswerPolicy, CallPolicy
from offhook.errors import ConfigError
from offhook.interfaces import LeaveReason, MemberJoined, MemberLeft, MemberPublished
from offhook.session import Grade
from offhook_mockserver.callees.callee import CalleeEnd
from offhook_mockserver.callees.script import Answer, Decline, HangUp, NeverAnswer, Ring, Wait
from offhook_mockserver.server import BridgeJoins, ErrorBody, InProcessMock, TenantSettings

if TYPE_CHECKING:
    from tests.mockserver.tenants.scene import Silent

    from offhook_mockserver.server import Entry, Step

RINGING = TenantSettings(bridge_joins=BridgeJoins.RINGING)
STAYS = TenantSettings(caller_leaving_ends_call=False, max_call_s=60)


def callees_entries(mock: InProcessMock) -> list[Entry]:
    return [
        entry
        for entry in mock.tenant.journal.search(kind="member", where={"who": "callee"})
        if entry.fields["event"] != "left"
    ]


# When the bridge joins


@pytest.mark.parametrize(
    ("settings", "joined_s"), [(TenantSettings(), 3.0), (RINGING, 0.0), (TenantSettings(bridge_joins="ringing"), 0.0)]
)
def test_the_bridge_joins_at_the_answer_or_when_ringing_starts(settings: TenantSettings, joined_s: float) -> None:
    async def test(mock: InProcessMock) -> None:
        started = call(mock)
        await asyncio.sleep(0)
        join(started)
        await asyncio.sleep(5)
        joined, published = callees_entries(mock)
        assert (joined.fields["event"], published.fields["event"]) == ("joined", "published")
        assert (joined.at_s, published.at_s) == pytest.approx((joined_s, 3.0))
        assert joined.grade is Grade.ASSUMED

    on(lambda: mock_with(Ring(3), Answer(), settings=settings), test)


@pytest.mark.parametrize("policy", [AnswerPolicy.FIRST_AUDIO, AnswerPolicy.CALLEE_PUBLISHED])
def test_a_phone_that_waits_for_audio_is_not_misled_by_a_bridge_that_joins_early(policy: AnswerPolicy) -> None:
    async def test(mock: InProcessMock) -> None:
        async with mock.phone(policy=CallPolicy(answer=policy)) as phone, phone.dial(NUMBER) as up:
            assert await up.answered()
            assert up.record.answered_at_s == pytest.approx(3, abs=0.1)

    on(lambda: mock_with(Ring(3), Answer(), settings=RINGING), test)


@pytest.mark.parametrize(
    ("steps", "end", "left"),
    [
        ((Ring(1), Decline()), CalleeEnd.DECLINED, LeaveReason.QUIT),
        ((Ring(1), Answer(), HangUp()), CalleeEnd.HUNG_UP, LeaveReason.QUIT),
    ],
)
def test_a_callee_that_joined_early_leaves_as_one_that_joined_at_the_answer(
    steps: tuple[Step, ...], end: CalleeEnd, left: LeaveReason
) -> None:
    async def test(mock: InProcessMock) -> None:
        started = call(mock)
        caller = join(started)
        await asyncio.sleep(2)
        handler: Silent = caller._handler  # type: ignore[assignment]
        uid = started.callee._performance.uid
        assert handler.events[0] == MemberJoined(uid)  # type: ignore[arg-type]
        assert handler.events[-1] == MemberLeft(uid, left)  # type: ignore[arg-type]
        assert (MemberPublished(uid) in handler.events) is (end is CalleeEnd.HUNG_UP)  # type: ignore[arg-type]
        assert started.end is end

    on(lambda: mock_with(*steps, settings=RINGING), test)


@pytest.mark.parametrize("settings", [TenantSettings(), RINGING])
@pytest.mark.parametrize("reason", [LeaveReason.QUIT, LeaveReason.DROPPED])
def test_a_caller_that_leaves_before_the_answer_has_given_up(settings: TenantSettings, reason: LeaveReason) -> None:
    async def test(mock: InProcessMock) -> None:
        started = call(mock)
        await asyncio.sleep(0.5)
        join(started).leave(reason)
        await asyncio.sleep(0.5)
        (ended,) = mock.tenant.ended
        assert ended.end is CalleeEnd.GIVEN_UP

    on(lambda: mock_with(NeverAnswer(), settings=settings), test)


@pytest.mark.parametrize(
    "settings", [TenantSettings(join_window_s=5), TenantSettings(join_window_s=5, bridge_joins="ringing")]
)
def test_a_callee_whose_caller_never_joins_gives_up_after_the_join_window(settings: TenantSettings) -> None:
    async def test(mock: InProcessMock) -> None:
        call(mock)
        await asyncio.sleep(4.9)
        assert mock.tenant.calls
        await asyncio.sleep(0.2)
        assert [ended.end for ended in mock.tenant.ended] == [CalleeEnd.CALLER_ABSENT]

    on(lambda: mock_with(NeverAnswer(), settings=settings), test)


# Whether leaving the channel ends the callee's call


@pytest.mark.parametrize("reason", [LeaveReason.QUIT, LeaveReason.DROPPED])
@pytest.mark.parametrize("settings", [TenantSettings(grace_s=1), STAYS])
def test_a_caller_that_leaves_ends_the_callees_call_or_not(settings: TenantSettings, reason: LeaveReason) -> None:
    async def test(mock: InProcessMock) -> None:
        started = call(mock)
        caller = join(started)
        await asyncio.sleep(1)
        caller.leave(reason)
        await asyncio.sleep(10)
        assert (started.channel in mock.tenant.calls) is (settings is STAYS)
        if settings is STAYS:
            assert started.callee.answered
            join(started, uid=9)
            await asyncio.sleep(60)
            assert [ended.end for ended in mock.tenant.ended] == [CalleeEnd.TIME_LIMIT]

    on(lambda: mock_with(settings=settings), test)


@pytest.mark.parametrize("bridge", BridgeJoins)
def test_a_phone_may_go_on_ringing_after_the_caller_has_left(bridge: BridgeJoins) -> None:
    async def test(mock: InProcessMock) -> None:
        mock.tenant.settings.bridge_joins = bridge
        started = call(mock)
        join(started).leave()
        await asyncio.sleep(20)
        assert started.callee.answered, "and a person answers a dead line"
        await asyncio.sleep(5)
        assert [ended.end for ended in mock.tenant.ended] == [CalleeEnd.HUNG_UP]

    on(lambda: mock_with(Ring(15), Answer(), Wait(6), HangUp(), settings=STAYS), test)


def test_a_callee_that_stays_still_gives_up_on_a_caller_who_never_came() -> None:
    async def test(mock: InProcessMock) -> None:
        call(mock)
        await asyncio.sleep(5.1)
        assert [ended.end for ended in mock.tenant.ended] == [CalleeEnd.CALLER_ABSENT]

    settings = TenantSettings(caller_leaving_ends_call=False, join_window_s=5)
    on(lambda: mock_with(settings=settings), test)


# Token lifetime


@pytest.mark.parametrize(("life_s", "end"), [(3600, CalleeEnd.HUNG_UP), (10, CalleeEnd.CALLER_LEFT)])
def test_the_token_outlives_the_call_or_does_not(life_s: int, end: CalleeEnd) -> None:
    async def test(mock: InProcessMock) -> None:
        async with mock.phone() as phone, phone.dial(NUMBER) as up:
            await up.ended()
        await mock.tenant.journal.wait_for(kind="call", where={"event": "ended"}, timeout_s=30)
        assert mock.tenant.ended[-1].end is end

    on(lambda: mock_with(Answer(), Wait(30), HangUp(), settings=TenantSettings(token_life_s=life_s)), test)


# Values


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("bridge_joins", "ringin", "bridge_joins must be one of ringing, answer, got 'ringin'. Did you mean ringing?"),
        ("bridge_joins", None, "bridge_joins must be one of"),
        ("caller_leaving_ends_call", 1, "caller_leaving_ends_call must be True or False"),
        ("error_body", "text", "error_body must be one of status_message, error, error_message, nested"),
        ("call_log", "yes", "call_log must be True or False"),
        ("webhook_url", None, "webhook_url must be text"),
        ("webhook_url", "https://127.0.0.1/", "webhook_url must be an http URL at a loopback address"),
        ("webhook_url", "http://example.org/", "webhook_url must be an http URL at a loopback address"),
        ("webhook_url", "http://user:word@127.0.0.1/", "webhook_url must be an http URL at a loopback address"),
        ("webhook_url", "http://127.0.0.1:99999/", "webhook_url must be an http URL at a loopback address"),
        ("webhook_url", "http://169.254.169.254/", "webhook_url must be an http URL at a loopback address"),
        ("keep_audio_s", -1, "keep_audio_s must be"),
        ("keep_audio_s", 3601, "keep_audio_s must be between 0 and 3,600 seconds, got 3601"),
    ],
)
def test_a_wrong_value_is_refused_with_what_to_write(name: str, value: object, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        TenantSettings(**{name: value})  # type: ignore[arg-type]
    assert message in raised.value.message


def test_values_may_be_named_by_text() -> None:
    settings = TenantSettings(bridge_joins="ringing", error_body="nested", webhook_url="http://[::1]:80/x")
    assert (settings.bridge_joins, settings.error_body) == (BridgeJoins.RINGING, ErrorBody.NESTED)
