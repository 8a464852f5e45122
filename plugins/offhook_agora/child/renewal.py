"""Renewing a token: the SDK accepts any text at first, and says later, or never, what the channel thinks of it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from offhook_agora.child.reasons import Meaning, meaning
from offhook_agora.messages import Reason, Renew, RenewalRefused, Renewed, sentence

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook_agora.child.calls import Calls
    from offhook_agora.child.sdk import Connection

#: How long the channel's refusal may take. After that time a token that the SDK has accepted counts as accepted.
_ANSWER_S: Final = 0.5
#: Tokens that wait for the answer to another one.
_MOST_WAITING: Final = 16


class Renewals:
    """The renewals of one leg, one after the other: the SDK does not say which token an answer is about.

    Called on the leg's thread.

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
        self._waiting: deque[tuple[Renew, Connection]] = deque()
        #: Tokens that count as accepted for want of an answer, which may still arrive.
        self._unanswered = 0

    def ask(self, request: Renew, connection: Connection) -> bool:
        """Hand the token to the SDK once the one before was answered; returns False if the SDK did not take it."""
        if self._asked is None:
            return self._hand_over(request, connection)
        if len(self._waiting) == _MOST_WAITING:
            text = f"{_MOST_WAITING} tokens are waiting for the answer to another one"
            self._emit(RenewalRefused(request.leg, request.number, Reason.SDK, text))
            return False
        self._waiting.append((request, connection))
        return True

    def confirmed(self) -> None:
        """The SDK reported that the channel has accepted a token."""
        if self._unanswered:
            self._unanswered -= 1
        else:
            self._accept()

    def invalid(self, *, expired: bool) -> None:
        """The SDK reported an error about a token."""
        self._unanswered = 0
        self._refuse(meaning(9 if expired else 8))

    def due(self, now_s: float) -> None:
        """No refusal has arrived by `deadline_s`."""
        if self.deadline_s is not None and now_s >= self.deadline_s:
            self._unanswered += 1
            self._accept()

    def _hand_over(self, request: Renew, connection: Connection) -> bool:
        result = self._calls.make(lambda: connection.renew_token(request.token.reveal()))
        self._asked, self.deadline_s = request, self._now() + _ANSWER_S
        if result != 0:
            self._refuse(Meaning(Reason.SDK, f"renew_token of Agora's SDK returned {result}"))
        return result == 0

    def _accept(self) -> None:
        if self._asked is not None:
            self._answer(Renewed(self._asked.leg, self._asked.number))

    def _refuse(self, why: Meaning) -> None:
        if self._asked is not None:
            self._answer(RenewalRefused(self._asked.leg, self._asked.number, why.reason, sentence(why.text)))

    def _answer(self, answer: Renewed | RenewalRefused) -> None:
        self._asked = self.deadline_s = None
        self._emit(answer)
        if self._waiting:
            self._hand_over(*self._waiting.popleft())
