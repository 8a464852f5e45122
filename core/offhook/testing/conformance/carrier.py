"""The kit for carriers: calls that succeed, cleanup, secrets. Other answers of the service are in `carrier_answers`."""

from __future__ import annotations

import asyncio
import gc
import re
from functools import partial
from typing import TYPE_CHECKING, Final

from offhook.errors import OffhookError
from offhook.interfaces.far_end import ServiceAnswer
from offhook.interfaces.grant import Grant
from offhook.secret import Secret
from offhook.testing.conformance.cancelling import cancel_everywhere
from offhook.testing.conformance.carrier_answers import CarrierAnswers
from offhook.testing.conformance.clause import NotClaimed, clause
from offhook.testing.conformance.exposure import SHORTEST, watched
from offhook.testing.conformance.probes import ending_of, error_of, leaves_nothing, shown
from offhook.testing.conformance.turns import does_not_block

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from offhook.interfaces import Carrier
    from offhook.interfaces.far_end import ServiceFarEnd
    from offhook.testing.conformance.exposure import Exposure

_APP_ID: Final = re.compile(r"[0-9a-fA-F]{32}")
_MOST_CHANNEL: Final = 256
_MANY: Final = 20
_AT_ONCE: Final = 5


class CarrierConformance(CarrierAnswers):
    """What a carrier must do. A subclass implements `make` and `make_far_end`.

    Capabilities: ``keys``: it sends the headers of its auth; ``other_line``: calls can be placed from more than one
    line; the far end provides the lines; ``redirect``: its service may redirect a request.
    """

    @clause("carrier-1", "check() rings no number and can be repeated")
    async def test_check_rings_nobody(self) -> None:
        async with self.service() as service, self.carrier() as carrier:
            for _ in range(3):
                await carrier.check()
            assert not service.rung, f"check() rang {len(service.rung)} times"

    @clause("carrier-2", "start_call() rings the number once")
    async def test_a_call_rings_once(self) -> None:
        async with self.service() as service, self.carrier() as carrier:
            await carrier.start_call(self.request(service))
            assert list(service.rung) == [service.number], f"start_call() rang {len(service.rung)} times, not once"

    @clause("carrier-3", "start_call() returns a Grant with a valid app id, channel, token, uid and expiry")
    async def test_the_grant_is_sane(self) -> None:
        async with self.service() as service, self.carrier() as carrier:
            grant = await carrier.start_call(self.request(service))
            assert isinstance(grant, Grant), f"returned {type(grant).__name__}, not a Grant"
            assert _APP_ID.fullmatch(grant.app_id), "app_id is not 32 hex digits"
            assert 0 < len(grant.channel) <= _MOST_CHANNEL, f"channel does not have 1 to {_MOST_CHANNEL} characters"
            assert grant.channel.isprintable(), "channel contains characters that cannot be printed"
            assert isinstance(grant.token, Secret), f"token is {type(grant.token).__name__}, not a Secret"
            assert grant.token, "token is empty"
            assert 0 <= grant.uid < 2**32, f"uid {grant.uid} is not an unsigned 32-bit number"
            now_s = service.environment.clock.wall_s()
            assert grant.expires_at_s is None or grant.expires_at_s > now_s, "the grant has already expired"

    @clause("carrier-4", "endpoint is known before the first call and is that of every grant")
    async def test_the_endpoint_is_known_before(self) -> None:
        async with self.service() as service, self.carrier() as carrier:
            before = carrier.endpoint
            grant = await carrier.start_call(self.request(service))
            assert carrier.endpoint == before, f"endpoint was {before!r}, but is {carrier.endpoint!r} after a call"
            assert grant.endpoint == before, f"endpoint is {before!r}, but the grant says {grant.endpoint!r}"

    @clause("carrier-5", "line_id() returns a string that is the same for the same line, in every object")
    async def test_the_line_is_the_same_everywhere(self) -> None:
        async with self.service(), self.carrier() as one, self.carrier() as other:
            line = await one.line_id()
            assert isinstance(line, str), f"line_id() returned {type(line).__name__}, not a string"
            assert line, "line_id() returned an empty string"
            assert await one.line_id() == line, "a second line_id() returned another string"
            assert await other.line_id() == line, "line_id() of another object returned another string"

    @clause("carrier-6", "line_id() returns different strings for different lines", capability="other_line")
    async def test_another_line_is_another(self) -> None:
        async with self.service() as service, self.carrier() as one:
            environment = service.other_line
            if environment is None:
                raise NotClaimed("the far end has no other line")
            async with self.carrier(environment) as other:
                assert await other.line_id() != await one.line_id(), "line_id() returned the same string for two lines"

    @clause("carrier-7", "line_id() does not contain a key")
    async def test_the_line_holds_no_key(self) -> None:
        async with self.service(), self.carrier() as carrier:
            line = await carrier.line_id()
            assert not any(key in line for key in await self._keys()), "line_id() contains a key"

    @clause("carrier-8", "start_call() called several times at once returns a different grant each time")
    async def test_calls_at_once(self) -> None:
        async with self.service() as service, self.carrier() as carrier:
            calls = [carrier.start_call(self.request(service)) for _ in range(_AT_ONCE)]
            grants = await asyncio.gather(*calls)
            assert len({grant.channel for grant in grants}) == _AT_ONCE, "two calls got the same channel"

    @clause(
        "carrier-9",
        "a cancelled start_call(), check() or line_id() raises CancelledError at once, rings no number after that, and "
        "the next one works as usual",
    )
    async def test_a_call_can_be_cancelled(self) -> None:
        async with self.service() as service, self.carrier() as carrier:
            await cancel_everywhere(self, carrier.check, "check()")
            await cancel_everywhere(self, carrier.line_id, "line_id()")
            for answer in (ServiceAnswer.HANG, ServiceAnswer.ACCEPT):
                service.answer(answer)
                await cancel_everywhere(
                    self,
                    lambda: carrier.start_call(self.request(service)),
                    f"start_call() ({answer.value})",
                    after=lambda: self._rings_no_more(service),
                )
            await carrier.start_call(self.request(service))

    async def _rings_no_more(self, service: ServiceFarEnd) -> None:
        """Check that a cancelled call does not go on; in real time its request may still be on its way."""
        if self.virtual_time:  # pragma: no branch - the tests of carriers with real sockets take the other one
            rung = len(service.rung)
            await asyncio.sleep(self.again_s)
            assert len(service.rung) == rung, "start_call() was cancelled, and the number was rung after that"

    @clause("carrier-10", "aclose() can be called twice, and before the first call, and releases everything")
    async def test_it_lets_go(self) -> None:
        async with self.service() as service:
            async with self.carrier() as unused:
                await unused.aclose()
                await unused.aclose()
            async with leaves_nothing("the carrier"):
                async with self.carrier() as carrier:
                    await carrier.check()
                    await carrier.start_call(self.request(service))
                    service.answer(ServiceAnswer.HANG)
                    starting = asyncio.ensure_future(carrier.start_call(self.request(service)))
                    await asyncio.sleep(0.05)
                    starting.cancel()
                    await asyncio.wait({starting})
                    await carrier.aclose()
                    await carrier.aclose()
                service.answer(ServiceAnswer.ACCEPT)

    @clause("carrier-11", "start_call() after aclose() works or raises an OffhookError")
    async def test_used_after_its_end(self) -> None:
        async with self.service() as service, self.carrier() as carrier:
            await carrier.aclose()
            error = await error_of(carrier.start_call(self.request(service)))
            assert error is None or isinstance(error, OffhookError), shown(error)

    @clause("carrier-12", f"after {_MANY} calls it holds no more descriptors and tasks than after one")
    async def test_many_calls_hold_no_more(self) -> None:
        async with self.service() as service, self.carrier() as carrier:
            await carrier.start_call(self.request(service))
            async with leaves_nothing(f"{_MANY} calls"):
                for _ in range(_MANY):
                    await carrier.start_call(self.request(service))

    @clause(
        "carrier-13",
        "no key, token or number appears anywhere: not in its repr(), before or after a call, nor in a log, a warning, "
        "an error, the output, the environment or a child process",
    )
    async def test_nothing_is_given_away(self) -> None:
        with watched() as exposure:
            number, secrets = await self._use(exposure)
        for what, texts, in_variables in (("a key or a token", secrets, True), ("the number", [number], False)):
            places = exposure.places_of(texts, in_variables=in_variables)
            assert not places, f"{what} appears in {', '.join(places)}"

    async def _use(self, exposure: Exposure) -> tuple[str, list[str]]:
        """Use a carrier in every way and collect what it shows; returns the number, and the keys and the token."""
        async with self.service() as service, self.carrier() as carrier:
            exposure.add_object("carrier", carrier)
            await carrier.check()
            grant = await carrier.start_call(self.request(service))
            exposure.add_object("start_call()", grant)
            exposure.add_object("carrier, after a call", carrier)
            starting = asyncio.ensure_future(carrier.start_call(self.request(service)))
            await asyncio.sleep(0)
            starting.cancel()
            # The frames of an HTTP client in the middle of a request are not the carrier's.
            exposure.add_error(await ending_of(starting), variables=False)
            for answer in self._failures():
                service.answer(answer)
                exposure.add_error(await self.failure(service, carrier))
            exposure.add_object("carrier, after failures", carrier)
            service.answer(ServiceAnswer.ACCEPT)
            await carrier.aclose()
            exposure.add_error(await error_of(carrier.start_call(self.request(service))))
            secrets = [*await self._keys(), grant.token.reveal()]
            number = service.number
        del carrier
        gc.collect()  # finalizers may print as well
        return number, secrets

    @clause("carrier-25", "check(), line_id() and start_call() do not block the event loop")
    async def test_it_does_not_hold_the_loop(self) -> None:
        async with self.service() as service:
            uses: dict[str, Callable[[Carrier], Awaitable[object]]] = {
                "check()": lambda carrier: carrier.check(),
                "line_id()": lambda carrier: carrier.line_id(),
                "start_call()": lambda carrier: carrier.start_call(self.request(service)),
            }
            for what, use in uses.items():
                await does_not_block(partial(self._with_new, use), what)

    async def _with_new(self, use: Callable[[Carrier], Awaitable[object]]) -> None:
        async with self.carrier() as carrier:
            await use(carrier)

    async def _keys(self) -> list[str]:
        headers: Mapping[str, Secret] = await self.far_end.auth.headers("")
        return [secret.reveal() for secret in headers.values() if len(secret.reveal()) >= SHORTEST]
