"""A double of the service behind a carrier: it rings no phone and gives the answers that a test sets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from offhook.arguments import check_choice, check_instance
from offhook.errors import (
    CarrierProtocolError,
    CarrierUnavailable,
    ConfigError,
    CredentialsRejected,
    RateLimited,
    RequestRejected,
    StartAmbiguous,
)
from offhook.interfaces.environment import Environment
from offhook.interfaces.far_end import ServiceAnswer, ServiceFarEnd
from offhook.interfaces.grant import Grant
from offhook.interfaces.ids import Ids
from offhook.secret import Secret
from offhook.testing.doubles import FixedAuth, ScriptedCarrier
from offhook.testing.virtual_time import LoopClock

if TYPE_CHECKING:
    from offhook.errors import CarrierError
    from offhook.interfaces import Auth

_LINE_VARIABLE: Final = "SCRIPTED_LINE"
_ENDPOINT: Final = "http://127.0.0.1:9"
#: How long the service takes to answer when it hangs; a carrier gives up much sooner.
_HANGS_S: Final = 86_400.0


class ScriptedService(ServiceFarEnd):
    """The far end of a `ScriptedCarrier`; the method `carrier` makes the carrier.

    Attributes:
        told: the kind of answer that it returns from now on; set it with `answer`.
    """

    virtual_time = True
    host = "127.0.0.1"

    def __init__(self) -> None:
        self.told: ServiceAnswer = ServiceAnswer.ACCEPT
        self._rung: list[str] = []
        self._strayed: list[str] = []
        self._ids = Ids(1)
        self._clock = LoopClock()
        self._auth = FixedAuth(x_scripted_key="a-key-that-nobody-has")

    @property
    def environment(self) -> Environment:
        return self._line("line-1")

    @property
    def other_line(self) -> Environment | None:
        return self._line("line-2")

    @property
    def auth(self) -> Auth:
        return self._auth

    @property
    def rung(self) -> list[str]:
        return self._rung

    @property
    def strayed(self) -> list[str]:
        return self._strayed

    def answer(self, answer: ServiceAnswer) -> None:
        self.told = check_choice(answer, "answer", ServiceAnswer)

    async def start(self) -> None:
        pass

    async def aclose(self) -> None:
        pass

    def carrier(self, environment: Environment, auth: Auth | None = None) -> ScriptedCarrier:
        """Return a carrier that uses this service, and requests headers from `auth` before each call.

        Raises:
            ConfigError: `environment` is not that of this service.
        """
        if _LINE_VARIABLE not in check_instance(environment, "environment", Environment, "an Environment"):
            raise ConfigError(f"environment must hold {_LINE_VARIABLE}: use ScriptedService.environment")
        return ScriptedCarrier(service=self.ring, line=environment[_LINE_VARIABLE], endpoint=_ENDPOINT, auth=auth)

    async def ring(self, to: str) -> Grant:
        """Answer a request of a carrier.

        Raises:
            CarrierError: the error for the current kind of answer, unless that is ACCEPT.
        """
        answer = self.told
        if answer is ServiceAnswer.UNREACHABLE:
            raise CarrierUnavailable("nothing listens")
        self._rung.append(to)
        await asyncio.sleep(_HANGS_S if answer is ServiceAnswer.HANG else 0)
        if answer is not ServiceAnswer.ACCEPT:
            raise _error_for(answer)
        channel = f"ft_call_{self._ids.hex(16)}"
        return Grant("0" * 32, channel, Secret(f"007-token-of-{channel}"), 0, _ENDPOINT)

    def _line(self, name: str) -> Environment:
        return Environment({_LINE_VARIABLE: name}, clock=self._clock, ids=self._ids)


def _error_for(answer: ServiceAnswer) -> CarrierError:
    errors: dict[ServiceAnswer, CarrierError] = {
        ServiceAnswer.REJECT_KEYS: CredentialsRejected("the service does not accept the keys"),
        ServiceAnswer.REFUSE: RequestRejected("the service refused the call"),
        ServiceAnswer.RATE_LIMIT: RateLimited("the service asks for fewer calls", 30.0),
        ServiceAnswer.FAIL: CarrierUnavailable("the service is failing", may_have_rung=True),
        ServiceAnswer.NONSENSE: CarrierProtocolError("the service answered with something else", may_have_rung=True),
        ServiceAnswer.LOSE: StartAmbiguous("the answer was lost"),
        ServiceAnswer.REDIRECT: CarrierProtocolError("the service redirects the request", may_have_rung=True),
    }
    return errors.get(answer) or StartAmbiguous("the carrier stopped waiting for the answer")
