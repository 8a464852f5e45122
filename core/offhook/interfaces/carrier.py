"""Carrier: rings a person and returns the right to join their channel. Auth: proves to the carrier who we are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from offhook.arguments import check_choice, check_number
from offhook.errors import ConfigError
from offhook.interfaces.old_carriers import keep_old_members, line_id_for_line
from offhook.session.grade import Grade
from offhook.session.outcome import Disposition
from offhook.wording import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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

    async def lines_to_choose(self) -> Sequence[str]:
        """The lines among which a call whose request names none chooses, E.164; one if there is no choice.

        The phone chooses the line with the fewest of its own calls, and among those the one that it has not used for
        the longest time. The chosen line is the request's `from_number` from then on.

        Returns:
            The lines; empty (the default) if this carrier names no lines: the request's `from_number` stays None.

        Raises:
            ConfigError: no line can be used.
            CarrierError: the carrier cannot say which lines there are.
        """
        return ()

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
        channel: the channel of the call, as in its grant, or the carrier's own name for the call, which may be that.
        call_id: our name for the call; numbers beside it are not looked at.
        number: who was called, E.164; for a report that names its call by its numbers, or by those and a channel.
        from_number: the line that was called from, E.164; needed with `number`.
        at_s: a moment at which the call was up, in seconds since 1970 by the carrier's clock; None if it is unknown.
            It keeps a report from being matched by its numbers with another call between them.
        grade: how sure it is that the carrier said this.
        text: what the carrier said, for people: no secret, and no number that is not masked.

    Raises:
        ConfigError: `disposition` is not one of these four, another attribute is of the wrong type, not exactly one of
            `channel` and `call_id` is given and no numbers are, or one number is given without the other.
    """

    disposition: Disposition
    channel: str = ""
    call_id: str = ""
    number: str = field(default="", repr=False)
    from_number: str = field(default="", repr=False)
    at_s: float | None = None
    grade: Grade = Grade.DOCUMENTED
    text: str = ""

    def __post_init__(self) -> None:
        # Webhooks are JSON, so the types may be wrong. `in` alone would accept a str, which equals the member it names.
        typed = isinstance(self.disposition, Disposition)  # pyright: ignore[reportUnnecessaryIsInstance]
        if not typed or self.disposition not in _REPORTED:
            allowed = ", ".join(f"Disposition.{item.name}" for item in _REPORTED)
            given = f"{type(self.disposition).__name__} {quoted(str(self.disposition))}"
            raise ConfigError(f"CarrierReport(disposition=...) must be one of {allowed}; got {given}")
        for name in ("channel", "call_id", "number", "from_number", "text"):
            value: object = getattr(self, name)
            if not isinstance(value, str):
                raise ConfigError(f"CarrierReport({name}=...) must be a str, got {type(value).__name__}")
        if self.at_s is not None:
            check_number(self.at_s, "CarrierReport(at_s=...)", unit="seconds since 1970")
        check_choice(self.grade, "CarrierReport(grade=...)", Grade)
        if bool(self.number) != bool(self.from_number):
            raise ConfigError("a CarrierReport with a number needs from_number, and the reverse: pass both")
        if (self.channel and self.call_id) or not (self.channel or self.call_id or self.number):
            raise ConfigError(
                "a CarrierReport names its call by channel or by call_id: pass one of them, or number and from_number"
            )


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
