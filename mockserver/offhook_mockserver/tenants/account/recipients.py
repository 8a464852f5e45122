"""What is known of the other side of messages: whether it opted out, its service, and whether messages reach it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from offhook.arguments import check_flag, check_text, check_whole, wrong
from offhook_mockserver.tenants.account.documents import documents_of, each, from_document
from offhook_mockserver.tenants.account.table import Table

if TYPE_CHECKING:
    from offhook_mockserver.tenants.entry import Json
    from offhook_mockserver.tenants.settings import TenantBounds


#: The services of messages.
SERVICES: Final = ("iMessage", "SMS", "RCS")
#: The code of a message that could not be sent, as public code names it.
SEND_FAILED: Final = 10001
#: Inbound messages with nothing but one of these opt out, or in again, as carriers in the USA have it.
_OUT: Final = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"})
_IN: Final = frozenset({"START", "YES", "UNSTOP"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """A number or an e-mail address that messages are sent to.

    Attributes:
        number: the number or address.
        opted_out: whether messages to it are refused.
        service: the service that reaches it; "" if a look-up does not find out.
        error_code: the code with which messages to it fail; None if they are delivered.
        error_message: the same in words.
    """

    number: str
    opted_out: bool = False
    service: str = SERVICES[0]
    error_code: int | None = None
    error_message: str = ""


class Recipients:
    """The recipients of one account. All of them use iMessage and receive messages, unless a test says otherwise.

    Args:
        bounds: how many of the others are kept.
    """

    def __init__(self, bounds: TenantBounds) -> None:
        self._known: Table[Recipient] = Table("recipients", bounds)

    def of(self, number: str) -> Recipient:
        """What is known of a number or address."""
        return self._known.get(number) or Recipient(number=number)

    def opt_out(self, number: str, opted_out: bool = True) -> None:
        """Refuse messages to a number from now on, or no longer.

        Raises:
            ConfigError: an argument is of the wrong type, or too many recipients are kept.
        """
        self._set(replace(self.of(check_text(number, "number")), opted_out=check_flag(opted_out, "opted_out")))

    def heard(self, number: str, content: str) -> None:
        """Opt a number out or in, if that is what an inbound message asks for."""
        word = content.strip().upper()
        if word in _OUT or (word in _IN and self.of(number).opted_out):
            self.opt_out(number, word in _OUT)

    def set_service(self, number: str, service: str | None) -> None:
        """Say which service reaches a number; with None, a look-up fails.

        Raises:
            ConfigError: it is not a service, or too many recipients are kept.
        """
        if service is not None and service not in SERVICES:
            raise wrong("service", f"one of {', '.join(SERVICES)}, or None", service)
        self._set(replace(self.of(check_text(number, "number")), service=service or ""))

    def fail(
        self, number: str, error_code: int = SEND_FAILED, error_message: str = "the message could not be sent"
    ) -> None:
        """Let messages to a number end with an error.

        Raises:
            ConfigError: an argument is of the wrong type, or too many recipients are kept.
        """
        code = check_whole(error_code, "error_code", least=0)
        message = check_text(error_message, "error_message")
        self._set(replace(self.of(check_text(number, "number")), error_code=code, error_message=message))

    def deliver(self, number: str) -> None:
        """Let messages to a number be delivered again."""
        self._set(replace(self.of(check_text(number, "number")), error_code=None, error_message=""))

    def _set(self, recipient: Recipient) -> None:
        if recipient == Recipient(number=recipient.number):
            self._known.pop(recipient.number)
        else:
            self._known.put(recipient.number, recipient)

    def to_json(self) -> list[Json]:
        """What is known of them as a list of JSON."""
        return documents_of(self._known)

    def restore(self, document: object) -> None:
        """Take what `to_json` returned.

        Raises:
            ConfigError: it is not such a list.
        """
        for item in each(document, "recipients"):
            self._set(from_document(Recipient, item, "a recipient"))
