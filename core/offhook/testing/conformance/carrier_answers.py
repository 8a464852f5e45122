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
    OffhookError,
    RateLimited,
    RequestRejected,
    StartAmbiguous,
)
from offhook.interfaces import Auth
from offhook.interfaces.dialing import DialRequest
from offhook.interfaces.far_end import ServiceAnswer
from offhook.testing.conformance.clause import clause
from offhook.testing.conformance.kit import Conformance
from offhook.testing.conformance.probes import error_of, shown

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from offhook.interfaces import Carrier
    from offhook.interfaces.environment import Environment
    from offhook.interfaces.far_end import ServiceFarEnd
    from offhook.secret import Secret

#: How long the kit watches for a second request on virtual time, in seconds.
_AGAIN_S: Final = 60.0
#: As many as a far end may have kinds of redirects.
_REDIRECTS: Final = 8
#: The longest wait that a carrier may ask for.
_MOST_WAIT_S: Final = 86_400.0


class RecordingAuth(Auth):
    """Records the hosts that headers are requested for."""

    def __init__(self, auth: Auth) -> None:
        self.hosts: list[str] = []
        self._auth = auth

    async def headers(self, host: str) -> Mapping[str, Secret]:
        self.hosts.append(host)
        return await self._auth.headers(host)


class CarrierAnswers(Conformance):
    """See `CarrierConformance`.

    Attributes:
        give_up_s: how long a carrier may wait for an answer before it gives up.
        again_s: how long after a failure the kit watches for a second request; in virtual time it watches for a minute.
    """

    kind = "carrier"
    capabilities: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "keys": "It sends the headers of the auth that it is made with.",
            "other_line": "Calls can be placed from more than one line.",
            "redirect": "Its service is reached by HTTP, which may redirect a request.",
        }
    )
    #: The auth of the carrier that was made last.
    _asked_auth: RecordingAuth
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
        self._asked_auth = RecordingAuth(self.far_end.auth)
        carrier = self.make(environment or self.far_end.environment, self._asked_auth)
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

    @clause("carrier-22", "whatever the answer, the request is not repeated, and the next call works as usual")
    async def test_it_is_never_asked_again(self) -> None:
        for answer in self._failures():
            async with self.service() as service, self.carrier() as carrier:
                rung = len(service.rung)
                service.answer(answer)
                await self.failure(service, carrier)
                service.answer(ServiceAnswer.ACCEPT)
                await asyncio.sleep(max(self.again_s, _AGAIN_S) if self.virtual_time else self.again_s)
                times = len(service.rung) - rung
                assert times <= 1, f"{answer.value}: the number was rung {times} times"
                error = await error_of(carrier.start_call(self.request(service)))
                assert error is None, f"{answer.value}, then a call that the service accepts: {shown(error)}"
            self.far_end = self.make_far_end()

    async def failure(self, service: ServiceFarEnd, carrier: Carrier) -> Exception | None:
        """Place a call and return its error; a carrier that does not give up in time, which another clause tests, is
        cancelled.
        """
        try:
            async with asyncio.timeout(self.give_up_s):
                return await error_of(carrier.start_call(self.request(service)))
        except TimeoutError:
            return None

    def _failures(self) -> list[ServiceAnswer]:
        """All answers that are no grant; in real time without the one that takes as long as the carrier's patience."""
        left_out = {ServiceAnswer.ACCEPT}
        if not self.virtual_time:
            left_out.add(ServiceAnswer.HANG)
        if not self.claims("redirect"):
            left_out.add(ServiceAnswer.REDIRECT)
        return [answer for answer in ServiceAnswer if answer not in left_out]

    @clause(
        "carrier-23",
        "if the service redirects a request: a CarrierError, and no request to another host, port or path",
        capability="redirect",
    )
    async def test_redirects_are_not_followed(self) -> None:
        async with self.service() as service, self.carrier() as carrier:
            service.answer(ServiceAnswer.REDIRECT)
            for _ in range(_REDIRECTS):
                for what in ("check()", "start_call()"):
                    request = carrier.check() if what == "check()" else self._start(service, carrier)
                    error = await error_of(request)
                    assert not service.strayed, (
                        f"{what} followed a redirect to {service.strayed[0]}: keys and number are for the service alone"
                    )
                    assert error is not None or what == "check()", "the service redirected the call: nothing was raised"
                    assert error is None or isinstance(error, OffhookError), f"{what}: {shown(error)}"

    async def _start(self, service: ServiceFarEnd, carrier: Carrier) -> None:
        await carrier.start_call(self.request(service))

    @clause(
        "carrier-24",
        "each start_call() requests the headers from the auth anew, for the host that the request goes to",
        capability="keys",
    )
    async def test_keys_are_requested_for_each_call(self) -> None:
        async with self.service() as service, self.carrier() as carrier:
            for number in range(3):
                self._asked_auth.hosts.clear()
                await carrier.start_call(self.request(service))
                hosts = self._asked_auth.hosts
                assert hosts, f"call {number + 1} requested no headers from the auth: keys may have rotated"
                if service.host:
                    wrong = [host for host in hosts if host != service.host]
                    assert not wrong, f"headers were requested for {wrong[0]!r}, but the service is {service.host}"
