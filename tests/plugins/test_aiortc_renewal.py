"""Fresh tokens for a leg that stays where it is, over a real relay."""

from __future__ import annotations

import asyncio
import dataclasses
import logging

import pytest
from tests.mockserver.doors.webrtc.test_door import MovableClock
from tests.plugins.relay_kit import (
    FRAME_SAMPLES,
    Ear,
    Relay,
    Talker,
    abort_websocket,
    connection_of,
    tone,
    until,
    with_relay,
)

from offhook.errors import TokenRejected, TransportError
from offhook.secret import Secret
from offhook.session.events import GrantExpiring, LegClosed, LegDisconnected, LegReconnected
from offhook_aiortc import renewals
from offhook_aiortc.transport import AiortcTransport
from offhook_wire.relay_protocol import Renewed

pytestmark = pytest.mark.slow


@pytest.mark.slow
@pytest.mark.fault("F15")
def test_a_renewal_in_mid_call_costs_no_frame() -> None:
    async def check(relay: Relay) -> None:
        ear, callee_ear = Ear(), Ear()
        callee = relay.room.join_pcm(9, callee_ear)
        callee.publish()
        leg = await AiortcTransport().join(relay.grant(7, expire_s=2), ear)
        talkers = Talker(leg), Talker(callee)
        await until(lambda: GrantExpiring() in ear.events, "reported in time")
        await leg.renew(relay.grant(7))
        await asyncio.sleep(2)  # the first token's end passes: real time is what this is about
        sent = [await talker.stop() for talker in talkers]
        await until(lambda: [len(callee_ear.audio), len(ear.audio)] == sent, "every frame is heard, both ways")
        for heard, count in ((callee_ear, sent[0]), (ear, sent[1])):
            assert heard.positions == [index * FRAME_SAMPLES for index in range(count)]
        assert sent[0] > 100
        assert ear.events.count(GrantExpiring()) == 1
        assert not any(isinstance(event, LegClosed | LegDisconnected) for event in ear.events)
        await leg.leave()

    with_relay(check, exact=True)


def test_expiry_is_reported_at_half_of_a_short_life_and_30_s_before_the_end_of_a_long_one() -> None:
    clock = MovableClock()

    async def check(relay: Relay) -> None:
        ears = Ear(), Ear()
        short = await AiortcTransport().join(relay.grant(7, expire_s=58), ears[0])
        long = await AiortcTransport().join(relay.grant(8, expire_s=1000), ears[1])
        clock.pass_s = 8
        await asyncio.sleep(1.1)
        assert GrantExpiring() not in ears[0].events
        clock.pass_s = 29
        await until(lambda: GrantExpiring() in ears[0].events, "reported at half of its life")
        assert GrantExpiring() not in ears[1].events
        await short.renew(relay.grant(7, expire_s=58))
        clock.pass_s = 60
        await until(lambda: ears[0].events.count(GrantExpiring()) == 2, "reported for the fresh one as well")
        clock.pass_s = 971
        await until(lambda: GrantExpiring() in ears[1].events, "reported 30 s before")
        await short.leave()
        await long.leave()

    with_relay(check, clock)


@pytest.mark.fault("F16")
@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"certificate": Secret("d" * 32)}, 8),
        ({"channel": "another"}, 8),
        ({"app_id": "b" * 32}, 8),
        ({"made_out_to": 8}, 8),
        ({"expire_s": 1, "issued_s": 900_000}, 9),
        (None, 8),
    ],
    ids=["forged", "other channel", "other app", "other uid", "expired", "no token"],
)
def test_a_bad_renewal_is_refused_and_the_old_token_stays_valid(changed: dict[str, object] | None, reason: int) -> None:
    clock = MovableClock()

    async def check(relay: Relay) -> None:
        ear, callee_ear = Ear(), Ear()
        relay.room.join_pcm(9, callee_ear)
        leg = await AiortcTransport().join(relay.grant(7), ear)
        bad = relay.grant(7, **(changed or {}))
        if changed is None:
            bad = dataclasses.replace(bad, token=Secret("not a token"))
        with pytest.raises(TokenRejected) as refused:
            await leg.renew(bad)
        assert refused.value.reason == reason
        assert bad.token.reveal() not in str(refused.value)
        leg.send(tone(0))
        await until(lambda: len(callee_ear.audio) == 1, "still in")
        clock.pass_s = 600
        await until(lambda: LegClosed("token expired") in ear.events, "out at the old token's end")
        with pytest.raises(TransportError):
            await leg.renew(relay.grant(7))
        await leg.leave()

    with_relay(check, clock)


def test_an_unanswered_renewal_fails_and_its_late_answer_reaches_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def check(relay: Relay) -> None:
        leg = await AiortcTransport().join(relay.grant(7), Ear())
        (client,) = relay.door._clients.values()  # pyright: ignore[reportPrivateUsage]
        held: list[Secret] = []
        renew = client._renew  # pyright: ignore[reportPrivateUsage]
        client._renew = held.append  # type: ignore[method-assign, assignment]  # a relay that is stuck
        monkeypatch.setattr(renewals, "RENEWAL_TIMEOUT_S", 0.1)
        with pytest.raises(TransportError, match="did not answer"):
            await leg.renew(relay.grant(7, made_out_to=8))
        client._renew = renew  # type: ignore[method-assign]
        monkeypatch.undo()
        # Its refusal arrives now, before the answer to the next one.
        renew(held[0])
        await leg.renew(relay.grant(7))
        await leg.leave()

    with_relay(check)


def test_a_renewal_whose_connection_is_lost_says_so_at_once() -> None:
    async def check(relay: Relay) -> None:
        ear = Ear()
        leg = await AiortcTransport().join(relay.grant(7), ear)
        (client,) = relay.door._clients.values()  # pyright: ignore[reportPrivateUsage]
        client._renew = lambda token: None  # type: ignore[method-assign]
        renewing = asyncio.create_task(leg.renew(relay.grant(7)))
        await asyncio.sleep(0)
        abort_websocket(leg)
        async with asyncio.timeout(1):
            with pytest.raises(TransportError):
                await renewing
        with pytest.raises(TransportError, match="no connection"):
            await leg.renew(relay.grant(7))
        await leg.leave()

    with_relay(check)


def test_a_rejoin_after_a_renewal_uses_the_fresh_token() -> None:
    clock = MovableClock()

    async def check(relay: Relay) -> None:
        ear = Ear()
        leg = await AiortcTransport().join(relay.grant(7, expire_s=100), ear)
        await leg.renew(relay.grant(7, expire_s=10_000))
        clock.pass_s = 60
        abort_websocket(leg)
        await until(lambda: LegReconnected() in ear.events, "back")
        await leg.leave()

    with_relay(check, clock)


def test_an_answer_to_nothing_is_counted_and_does_no_harm() -> None:
    async def check(relay: Relay) -> None:
        leg = await AiortcTransport().join(relay.grant(7), Ear())
        (client,) = relay.door._clients.values()  # pyright: ignore[reportPrivateUsage]
        client._put(Renewed())  # pyright: ignore[reportPrivateUsage]
        await until(lambda: leg.counters()["events_malformed"] == 1, "counted")
        await leg.renew(relay.grant(7))
        connection_of(leg)
        await leg.leave()

    with_relay(check)


def test_a_fresh_token_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    tokens: list[str] = []

    async def check(relay: Relay) -> None:
        leg = await AiortcTransport().join(relay.grant(7), Ear())
        fresh = relay.grant(7, salt=5)
        tokens.append(fresh.token.reveal())
        await leg.renew(fresh)
        await leg.leave()

    with_relay(check)
    assert tokens[0] not in caplog.text
