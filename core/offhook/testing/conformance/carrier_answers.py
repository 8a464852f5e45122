"""The part of the kit for carriers about the service's answers: each has its own error; no request is repeated."""

from __future__ import annotations

import asyncio
import contextlib
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Final

from offhook.errors import (
    CarrierError,
    CarrierProtocolError,
    CarrierUnavailable,
    CredentialsRejected,
    RateLimited,
    RequestRejected,
    StartAmbiguous,
)
from offhook.interfaces.dialing import DialRequest
from offhook.interfaces.far_end import ServiceAnswer
from offhook.testing.conformance.clause import clause
from offhook.testing.conformance.kit import Conformance
from offhook.testing.conformance.probes import error_of, shown

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from offhook.interfaces import Auth, Carrier
    from offhook.interfaces.environment import Environment
    from offhook.interfaces.far_end import ServiceFarEnd

#: The longest wait that a carrier may ask for.
_MOST_WAIT_S: Final = 86_400.0


class CarrierAnswers(Conformance):
    """See `CarrierConformance`.

    Attributes:
        give_up_s: how long a carrier may wait for an answer before it gives up.
        again_s: how long after a failure the kit watches for a second request.
    """

    kind = "carrier"
    capabilities: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "other_line": "Calls can be placed from more than one line.",
        }
    )
    give_up_s: float = 60.0
    again_s: float = 1.0

    def make(self, environment: Environment, auth: Auth) -> Carrier:
        """Return the carrier. Your subclass implements this."""
        raise NotImplementedError("your subclass must have make(self, environment, auth), which returns the carrier")

    def make_far_end(self) -> ServiceFarEnd:
        """Return the service that the carrier talks to. Your subclass implements this."""
        raise NotImplementedError("your subclass must have make_far_end(self), which returns a ServiceFarEnd")

    async def try_out(self) -> None:
        """Make a far end and a carrier, and close them."""
        async with self.service(), self.carrier():
            pass

    def prepare(self) -> None:
        """See `Conformance.prepare`.

        The far end decides between virtual and real time, and lists the capabilities that cannot be tested.
        """
        self.far_end: ServiceFarEnd = self.make_far_end()
        self.virtual_time: bool = self.far_end.virtual_time
        self.not_claimed: Mapping[str, str] = {**self.far_end.not_claimed, **self.not_claimed}

    @contextlib.asynccontextmanager
    async def service(self) -> AsyncGenerator[ServiceFarEnd]:
        """The far end, started."""
        async with self.far_end as service:
            yield service

    @contextlib.asynccontextmanager
    async def carrier(self, environment: Environment | None = None) -> AsyncGenerator[Carrier]:
        """A carrier for the far end, closed at the end; errors of closing are ignored: one clause tests closing."""
        carrier = self.make(environment or self.far_end.environment, self.far_end.auth)
        try:
            yield carrier
        finally:
            await error_of(carrier.aclose())

    def request(self, service: ServiceFarEnd) -> DialRequest:
        """A call to the far end's number, from the carrier's own line."""
        environment = service.environment
        return DialRequest(environment.ids.call_id(), service.number, wall_s=environment.clock.wall_s())

    async def _refused(self, answer: ServiceAnswer, within_s: float | None = None) -> CarrierError:
        """Return the error that start_call() raises for an answer.

        Raises:
            AssertionError: start_call() did not end in time, raised nothing, or raised something that is not a
                CarrierError.
        """
        async with self.service() as service, self.carrier() as carrier:
            service.answer(answer)
            starting = asyncio.ensure_future(error_of(carrier.start_call(self.request(service))))
            await self.bounded(starting, f"start_call() ends ({answer.value})", within_s)
            error = starting.result()
            service.answer(ServiceAnswer.ACCEPT)
            assert isinstance(error, CarrierError), shown(error)
            return error

    async def _must_be(self, answer: ServiceAnswer, kind: type[CarrierError], *, may_have_rung: bool) -> CarrierError:
        error = await self._refused(answer, self.give_up_s)
        assert isinstance(error, kind), f"expected {kind.__name__}: {shown(error)}"
        assert error.may_have_rung is may_have_rung, (
            f"{kind.__name__} has may_have_rung={error.may_have_rung}, not {may_have_rung}"
        )
        return error

    @clause("carrier-14", "if the service rejects the keys: CredentialsRejected with may_have_rung False")
    async def test_keys_are_rejected(self) -> None:
        await self._must_be(ServiceAnswer.REJECT_KEYS, CredentialsRejected, may_have_rung=False)

    @clause("carrier-15", "if the service refuses the call: RequestRejected with may_have_rung False")
    async def test_it_is_refused(self) -> None:
        await self._must_be(ServiceAnswer.REFUSE, RequestRejected, may_have_rung=False)

    @clause("carrier-16", "if there are too many requests: RateLimited, with retry_after_s from 0 to a day, or None")
    async def test_it_is_limited(self) -> None:
        error = await self._must_be(ServiceAnswer.RATE_LIMIT, RateLimited, may_have_rung=False)
        wait_s = error.retry_after_s if isinstance(error, RateLimited) else None
        assert wait_s is None or 0 <= wait_s <= _MOST_WAIT_S, (
            f"retry_after_s is {wait_s!r}; expected None or 0 to {_MOST_WAIT_S:g}"
        )

    @clause("carrier-17", "if the service fails: CarrierUnavailable with may_have_rung True")
    async def test_the_service_fails(self) -> None:
        await self._must_be(ServiceAnswer.FAIL, CarrierUnavailable, may_have_rung=True)

    @clause("carrier-18", "if the answer is malformed: CarrierProtocolError with may_have_rung True")
    async def test_the_answer_is_nonsense(self) -> None:
        await self._must_be(ServiceAnswer.NONSENSE, CarrierProtocolError, may_have_rung=True)

    @clause("carrier-19", "if the answer is lost: StartAmbiguous")
    async def test_the_answer_is_lost(self) -> None:
        await self._must_be(ServiceAnswer.LOSE, StartAmbiguous, may_have_rung=True)

    @clause("carrier-20", "if the answer never arrives: StartAmbiguous, after the carrier's own time limit")
    async def test_the_answer_never_comes(self) -> None:
        await self._must_be(ServiceAnswer.HANG, StartAmbiguous, may_have_rung=True)

    @clause("carrier-21", "if nothing listens: CarrierUnavailable with may_have_rung False")
    async def test_nothing_listens(self) -> None:
        await self._must_be(ServiceAnswer.UNREACHABLE, CarrierUnavailable, may_have_rung=False)

    @clause("carrier-22", "whatever the answer, the request is not repeated")
    async def test_it_is_never_asked_again(self) -> None:
        for answer in (
            ServiceAnswer.FAIL,
            ServiceAnswer.NONSENSE,
            ServiceAnswer.LOSE,
            ServiceAnswer.RATE_LIMIT,
            ServiceAnswer.REFUSE,
        ):
            async with self.service() as service, self.carrier() as carrier:
                rung = len(service.rung)
                service.answer(answer)
                await error_of(carrier.start_call(self.request(service)))
                service.answer(ServiceAnswer.ACCEPT)
                await asyncio.sleep(self.again_s)
                times = len(service.rung) - rung
                assert times <= 1, f"{answer.value}: the number was rung {times} times"
            self.far_end = self.make_far_end()
