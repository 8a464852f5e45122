"""Asking the carrier to ring: once, and only when the call can be written down. The answer is an event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.errors import (
    CarrierError,
    CarrierProtocolError,
    CarrierUnavailable,
    ConfigError,
    CredentialsRejected,
    OffhookError,
    RateLimited,
    StartAmbiguous,
    StorageError,
)
from offhook.interfaces.grant import Grant
from offhook.plugin.isolation import contract_error, isolated
from offhook.session.events import CallAccepted, CallRefused, StartLost
from offhook.session.outcome import Cause

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook.interfaces import Carrier
    from offhook.interfaces.dialing import DialRequest
    from offhook.records.record_keeper import RecordKeeper


#: Why a call was refused, in Q.850's words; an error that is a subclass of one of these has its cause.
_CAUSES: Final[Mapping[type, Cause]] = {
    CredentialsRejected: Cause.NOT_AUTHORIZED,
    RateLimited: Cause.SWITCHING_CONGESTION,
    CarrierUnavailable: Cause.TEMPORARY_FAILURE,
    CarrierProtocolError: Cause.PROTOCOL_ERROR,
}


class Dialing:
    """Asks the carrier on behalf of one call.

    Args:
        carrier: whom to ask.
        book: takes the grant or the error, and whether the callee rang.
    """

    def __init__(self, carrier: Carrier, book: RecordKeeper) -> None:
        self._carrier = carrier
        self._book = book
        #: Whether the carrier was asked, so that the callee may have been rung.
        self.asked: bool = False

    async def start_call(self, request: DialRequest) -> CallAccepted | CallRefused | StartLost:
        """Ask the carrier to ring the callee. Never raises: `book` keeps the error, and the event reports it."""
        book, carrier = self._book, self._carrier
        unwritten = book.timeline.unwritten
        if unwritten:  # no ring without a record
            book.record.rang = "no"
            book.error = StorageError(
                f"{book.record.number} was not dialled, because the call cannot be stored: {unwritten} "
                "Fix that, or place calls without a store"
            )
            return CallRefused(Cause.TEMPORARY_FAILURE)
        self.asked = True
        try:
            grant = await isolated(carrier, "start_call", lambda: carrier.start_call(request))
            if not isinstance(grant, Grant):  # pyright: ignore[reportUnnecessaryIsInstance] - a plugin may return anything
                raise contract_error(
                    carrier, "start_call", f"returned {type(grant).__name__}; expected a Grant", "Carrier"
                )
        except OffhookError as error:
            return self._refused(error)
        book.grant, book.record.channel = grant, grant.channel
        return CallAccepted(book.expiry_s(grant))

    def _refused(self, error: OffhookError) -> CallRefused | StartLost:
        self._book.error = error
        if isinstance(error, StartAmbiguous):
            return StartLost()
        if isinstance(error, CarrierError | ConfigError) and not getattr(error, "may_have_rung", False):
            self._book.record.rang = "no"
        causes = (_CAUSES[kind] for kind in type(error).__mro__ if kind in _CAUSES)
        return CallRefused(next(causes, Cause.CALL_REJECTED))
