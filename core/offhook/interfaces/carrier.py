"""Carrier: rings a person and returns the right to join their channel. Auth: proves to the carrier who we are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from offhook.errors import ConfigError
from offhook.interfaces.old_carriers import keep_old_members, line_id_for_line
from offhook.session.outcome import Disposition
from offhook.wording import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook.interfaces.dialing import DialRequest
    from offhook.interfaces.grant import Grant
    from offhook.secret import Secret


class Carrier(ABC):
    """A service that places calls."""

    #: Base URL where this carrier's grants are joined, or None for Agora itself. Known before anything rings.
    endpoint: str | None = None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        keep_old_members(cls)

    @abstractmethod
    async def check(self) -> None:
        """Check, without ringing, whether a call could be started: settings, keys, URL.

        Raises:
            ConfigError: a setting is missing or wrong.
        """
        ...

    async def line_id(self, from_number: str | None = None) -> str:
        """Identify a line of ours: the same text for the same line of the same account at the same service, also in
        another process. The double-dial guard builds its keys from it, and plugins see it in the request, so it must
        not contain a key of the account.

        Args:
            from_number: the line that was chosen for the call, E.164 and checked, or None for the carrier's own.

        Raises:
            ConfigError: no line is configured, or the carrier cannot call from `from_number`.
        """
        return " ".join(
            [f"{type(self).__module__}.{type(self).__qualname__}", self.endpoint or "", *filter(None, [from_number])]
        )

    async def line(self) -> str:
        """Deprecated: `line_id` without arguments, for one more version."""
        return await line_id_for_line(type(self), Carrier)(self)

    @abstractmethod
    async def start_call(self, request: DialRequest) -> Grant:
        """Ring `request.number`, from `request.from_number` if there is one.

        This is not idempotent: it rings a person each time, and the core never repeats it.

        Args:
            request: the call; its numbers are E.164 and have been checked.

        Raises:
            CarrierError: the call was refused, or (`StartAmbiguous`) it is not known whether it rang.
        """
        ...

    @abstractmethod
    async def aclose(self) -> None:
        """Close connections. Idempotent."""
        ...


#: The dispositions that a carrier can report. The others follow from what we do or see ourselves.
_REPORTED: Final = (Disposition.DECLINED, Disposition.BUSY, Disposition.NO_ANSWER, Disposition.COMPLETED)


@dataclass(frozen=True, slots=True)
class CarrierReport:
    """News of a call from its carrier, for example from a webhook; `Phone.report` takes it.

    Attributes:
        disposition: how the call ended: declined, busy, not answered, completed.
        channel: the channel of the call, as in its grant; empty if the carrier names the call by our id.
        call_id: our name for the call; empty if the carrier names it by its channel.

    Raises:
        ConfigError: `disposition` is not one of these four, `channel` or `call_id` is not a str, or not exactly one of
            `channel` and `call_id` is given.
    """

    disposition: Disposition
    channel: str = ""
    call_id: str = ""

    def __post_init__(self) -> None:
        # Webhooks are JSON, so the types may be wrong. `in` alone would accept a str, which equals the member it names.
        typed = isinstance(self.disposition, Disposition)  # pyright: ignore[reportUnnecessaryIsInstance]
        if not typed or self.disposition not in _REPORTED:
            allowed = ", ".join(f"Disposition.{item.name}" for item in _REPORTED)
            given = f"{type(self.disposition).__name__} {quoted(str(self.disposition))}"
            raise ConfigError(f"CarrierReport(disposition=...) must be one of {allowed}; got {given}")
        for name, value in (("channel", self.channel), ("call_id", self.call_id)):
            if not isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise ConfigError(f"CarrierReport({name}=...) must be a str, got {type(value).__name__}")
        if bool(self.channel) == bool(self.call_id):
            raise ConfigError("a CarrierReport names its call by channel or by call_id: pass one of them")


class Auth(ABC):
    """Returns the headers that authenticate a request."""

    @abstractmethod
    async def headers(self, host: str) -> Mapping[str, Secret]:
        """The headers for one request to `host`.

        Asked anew for every request, so keys may rotate.

        Raises:
            ConfigError: there are no keys; the message names where they are looked for.
        """
        ...
