"""Tokens that a relay does not take, met by a whole phone: typed, said in a sentence, and nothing left behind."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING

import pytest

from offhook import Disposition, Phone
from offhook.errors import TokenRejected
from offhook_aiortc.transport import AiortcTransport
from offhook_mockserver.server.socket_server import MockServer
from offhook_sendblue.auth import KeyAuth
from offhook_sendblue.carrier import SendblueCarrier

if TYPE_CHECKING:
    from offhook.interfaces import DialRequest
    from offhook.interfaces.clock import Clock
    from offhook.interfaces.grant import Grant


class SteppingClock:
    """The machine's clock, with a wall time that can be put forward."""

    def __init__(self) -> None:
        from offhook.interfaces.clock import SystemClock

        self._clock: Clock = SystemClock()
        self.ahead_s = 0.0

    def monotonic_s(self) -> float:
        return self._clock.monotonic_s()

    def wall_s(self) -> float:
        return self._clock.wall_s() + self.ahead_s


class LateCarrier(SendblueCarrier):
    """Hours pass between the grant and the join."""

    clock: SteppingClock

    async def start_call(self, request: DialRequest) -> Grant:
        grant = await super().start_call(request)
        self.clock.ahead_s += 7 * 24 * 3600
        return grant


class MixedUpCarrier(SendblueCarrier):
    """Gives the token of one call with the channel of another."""

    async def start_call(self, request: DialRequest) -> Grant:
        first = await super().start_call(request)
        second = await super().start_call(request)
        return dataclasses.replace(second, token=first.token)


@pytest.mark.fault("F14")
@pytest.mark.parametrize(("kind", "reason", "says"), [(LateCarrier, 9, "expired"), (MixedUpCarrier, 8, "token")])
def test_a_token_that_is_not_taken(kind: type[SendblueCarrier], reason: int, says: str) -> None:
    async def main() -> None:
        clock = SteppingClock()
        before = asyncio.all_tasks()
        async with MockServer(clock=clock) as server:
            auth = KeyAuth(server.tenant.api_key, server.tenant.api_secret.reveal())
            carrier = kind(auth, from_number=server.from_number, base_url=server.url)
            if isinstance(carrier, LateCarrier):
                carrier.clock = clock
            async with Phone(carrier=carrier, transport=AiortcTransport()) as phone:
                call = phone.dial("+14155550106")
                with pytest.raises(TokenRejected, match=says) as caught:
                    await call.__aenter__()
                assert caught.value.reason == reason
                assert call.record.disposition is Disposition.FAILED
                assert call.record.problem == caught.value.message
                assert call.record.rang == "assumed"
                assert "007eJ" not in caught.value.message
        assert asyncio.all_tasks() == before

    asyncio.run(main())
