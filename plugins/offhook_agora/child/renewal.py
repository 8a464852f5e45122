"""Renewing a token: the SDK accepts any text at first, and says later, or never, what the channel thinks of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook_agora.child.reasons import Meaning, meaning
from offhook_agora.messages import Reason, Renew, RenewalRefused, Renewed, sentence

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook_agora.child.calls import Calls
    from offhook_agora.child.sdk import Connection

#: How long the channel's refusal may take. After that time a token that the SDK has accepted counts as accepted.
_ANSWER_S: Final = 0.5


class Renewals:
    """The renewals of one leg. Called on the leg's thread.

    Args:
        calls: makes the calls of the SDK.
        emit: called with each answer.
        now: the time.

    Attributes:
        deadline_s: when to call `due`; None while no answer is awaited.
    """

    def __init__(
        self, calls: Calls, emit: Callable[[Renewed | RenewalRefused], None], now: Callable[[], float]
    ) -> None:
        self.deadline_s: float | None = None
        self._calls = calls
        self._emit = emit
        self._now = now
        self._asked: Renew | None = None

    def ask(self, request: Renew, connection: Connection) -> bool:
        """Hand the token to the SDK; returns whether it took it."""
        self.accepted()  # the one before, which this one replaces
        result = self._calls.make(lambda: connection.renew_token(request.token.reveal()))
        self._asked, self.deadline_s = request, self._now() + _ANSWER_S
        if result != 0:
            self.refused(Meaning(Reason.SDK, f"renew_token of Agora's SDK returned {result}"))
        return result == 0

    def accepted(self) -> None:
        """The channel has accepted the token."""
        asked, self._asked, self.deadline_s = self._asked, None, None
        if asked is not None:
            self._emit(Renewed(asked.leg, asked.number))

    def refused(self, why: Meaning) -> None:
        """The channel, or the SDK, has refused the token."""
        asked, self._asked, self.deadline_s = self._asked, None, None
        if asked is not None:
            self._emit(RenewalRefused(asked.leg, asked.number, why.reason, sentence(why.text)))

    def invalid(self, *, expired: bool) -> None:
        """The SDK reported an error about a token."""
        self.refused(meaning(9 if expired else 8))

    def due(self, now_s: float) -> None:
        """No refusal has arrived by `deadline_s`."""
        if self.deadline_s is not None and now_s >= self.deadline_s:
            self.accepted()
