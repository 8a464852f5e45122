"""The grant's token of a call: when to ask for a fresh one, and when to leave before the channel puts us out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from offhook.session.events import GrantExpiring, GrantRenewed, RenewalFailed
from offhook.session.states import Timer

if TYPE_CHECKING:
    from collections.abc import Mapping


#: The call ends this long before its token expires, so that the channel does not remove us, in seconds.
_MARGIN_S: Final = 1.0
#: From a renewal that failed to the next attempt.
_RETRY_S: Final = 5.0


class TokenWatch:
    """Watches the token while our leg is in the channel, from `start` to `stop`; outside of that it asks for nothing.

    Args:
        renew_before_s: how long before the token expires to ask for a fresh one.
    """

    def __init__(self, renew_before_s: float) -> None:
        self._renew_before_s = renew_before_s
        self._running = False
        #: Whether we have asked for a fresh grant and have no answer yet.
        self._asked = False
        #: Whether asking again is of no use.
        self._final = False
        self._deadlines: dict[Timer, float] = {}

    @property
    def deadlines(self) -> Mapping[Timer, float]:
        """When to ask for a fresh grant and when the call has to end, as far as they are known."""
        return self._deadlines

    def start(self, expires_at_s: float | None, now: float) -> None:
        """Start to watch: our leg is in the channel, with a token that expires at `expires_at_s` (None if unknown)."""
        self._running = True
        self._watch(expires_at_s, now)

    def stop(self) -> None:
        """The call is ending."""
        self._running = False
        self._deadlines.clear()

    def take(self, event: GrantExpiring | GrantRenewed | RenewalFailed, now: float) -> bool:
        """Take news of the token; returns whether to ask for a fresh grant."""
        match event:
            case GrantExpiring():
                return self.ask()
            case GrantRenewed(expires_at_s):
                self._asked = False
                self._watch(expires_at_s, now)
            case _:
                self._asked, self._final = False, self._final or event.final
                self._retry(now)
        return False

    def ask(self) -> bool:
        """It is time for a fresh grant; returns whether to ask for one."""
        self._deadlines.pop(Timer.RENEWAL, None)
        if not self._running or self._asked or self._final:
            return False
        self._asked = True
        return True

    def _watch(self, expires_at_s: float | None, now: float) -> None:
        """Set the timers that renew the token and end the call before it expires; none if its expiry is not known."""
        self._deadlines.clear()
        if expires_at_s is None or not self._running:
            return
        # At most half of the time that is left, so that a short-lived token is not renewed without end.
        ahead_s = min(self._renew_before_s, max(0.0, expires_at_s - now) / 2)
        self._deadlines[Timer.RENEWAL] = expires_at_s - ahead_s
        self._deadlines[Timer.TOKEN] = expires_at_s - min(_MARGIN_S, ahead_s / 2)

    def _retry(self, now: float) -> None:
        """Ask again soon: until the token expires or, where that is not known, until the call ends."""
        again_s = now + _RETRY_S
        if self._running and not self._final and again_s < self._deadlines.get(Timer.TOKEN, math.inf):
            self._deadlines[Timer.RENEWAL] = again_s
