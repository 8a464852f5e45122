"""The half of the kit for carriers that is about answers: each has an error of its own, and none is asked for twice."""

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

#: Nobody is asked to wait for longer.
_MOST_WAIT_S: Final = 86_400.0


class CarrierAnswers(Conformance):
    """See `CarrierConformance`.

    Attributes:
        give_up_s: after so long without an answer a carrier must have given up.
        again_s: for so long after a failure nobody may be rung again.
    """

    kind = "carrier"
    capabilities: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "other_line": "There is more than one line to ring from.",
        }
    )
    give_up_s: float = 60.0
    again_s: float = 1.0

    def make(self, environment: Environment, auth: Auth) -> Carrier:
        """The carrier. Your subclass says how."""
        raise NotImplementedError("your subclass must have make(self, environment, auth), which gives the carrier")

    def make_far_end(self) -> ServiceFarEnd:
        """The service that it talks to. Your subclass says how."""
        raise NotImplementedError("your subclass must have make_far_end(self), which gives a ServiceFarEnd")

    async def try_out(self) -> None:
        """Make both, and nothing else."""
        async with self.service(), self.carrier():
            pass

    def prepare(self) -> None:
        """See `Conformance.prepare`. The time is that of the far end, and so is what cannot be shown."""
        self.far_end: ServiceFarEnd = self.make_far_end()
        self.virtual_time: bool = self.far_end.virtual_time
        self.not_claimed: Mapping[str, str] = {**self.far_end.not_claimed, **self.not_claimed}

    @contextlib.asynccontextmanager
    async def service(self) -> AsyncGenerator[ServiceFarEnd]:
        """The far end, ready."""
        async with self.far_end as service:
            yield service

    @contextlib.asynccontextmanager
    async def carrier(self, environment: Environment | None = None) -> AsyncGenerator[Carrier]:
        """A carrier that leads there; closed in the end, and what that raises is the matter of one clause."""
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
        """What is raised for an answer.

        Raises:
            AssertionError: nothing, nothing in time, or something that is not a CarrierError.
        """
        async with self.service() as service, self.carrier() as carrier:
            service.answer(answer)
            starting = asyncio.ensure_future(error_of(carrier.start_call(self.request(service))))
            await self.bounded(starting, f"an end of a call whose answer is: {answer.value}", within_s)
            error = starting.result()
            service.answer(ServiceAnswer.ACCEPT)
            assert isinstance(error, CarrierError), shown(error)
            return error

    async def _must_be(self, answer: ServiceAnswer, kind: type[CarrierError], *, may_have_rung: bool) -> CarrierError:
        error = await self._refused(answer, self.give_up_s)
        assert isinstance(error, kind), f"expected {kind.__name__}: {shown(error)}"
        assert error.may_have_rung is may_have_rung, f"it says may_have_rung={error.may_have_rung}"
        return error

    @clause("carrier-14", "keys that are not accepted: CredentialsRejected, and nobody was rung")
    async def test_keys_are_rejected(self) -> None:
        await self._must_be(ServiceAnswer.REJECT_KEYS, CredentialsRejected, may_have_rung=False)

    @clause("carrier-15", "a refusal: RequestRejected, and nobody was rung")
    async def test_it_is_refused(self) -> None:
        await self._must_be(ServiceAnswer.REFUSE, RequestRejected, may_have_rung=False)

    @clause("carrier-16", "too many requests: RateLimited, and the wait it names is of seconds to a day, or none")
    async def test_it_is_limited(self) -> None:
        error = await self._must_be(ServiceAnswer.RATE_LIMIT, RateLimited, may_have_rung=False)
        wait_s = error.retry_after_s if isinstance(error, RateLimited) else None
        assert wait_s is None or 0 <= wait_s <= _MOST_WAIT_S, f"retry_after_s is {wait_s!r}"

    @clause("carrier-17", "a service that fails: CarrierUnavailable, and it may have rung")
    async def test_the_service_fails(self) -> None:
        await self._must_be(ServiceAnswer.FAIL, CarrierUnavailable, may_have_rung=True)

    @clause("carrier-18", "an answer that is none: CarrierProtocolError, and it may have rung")
    async def test_the_answer_is_nonsense(self) -> None:
        await self._must_be(ServiceAnswer.NONSENSE, CarrierProtocolError, may_have_rung=True)

    @clause("carrier-19", "an answer that is lost: StartAmbiguous")
    async def test_the_answer_is_lost(self) -> None:
        await self._must_be(ServiceAnswer.LOSE, StartAmbiguous, may_have_rung=True)

    @clause("carrier-20", "an answer that never comes: StartAmbiguous, by the carrier's own time limit")
    async def test_the_answer_never_comes(self) -> None:
        await self._must_be(ServiceAnswer.HANG, StartAmbiguous, may_have_rung=True)

    @clause("carrier-21", "nothing listens: CarrierUnavailable, and nobody was rung")
    async def test_nothing_listens(self) -> None:
        await self._must_be(ServiceAnswer.UNREACHABLE, CarrierUnavailable, may_have_rung=False)

    @clause("carrier-22", "whatever comes back, the service is never asked a second time")
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
                assert times <= 1, f"{answer.value}: it was asked {times} times"
            self.far_end = self.make_far_end()
