"""Dialling: the request for one call, and the guard that keeps anybody from being rung twice by mistake."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field


class DialGuard(ABC):
    """Remembers who is being called, for everybody who shares it, so that nobody is rung twice by mistake.

    A store may be one as well; a phone then uses it, and the guard holds across processes.
    """

    @abstractmethod
    def claim(self, key: str, call_id: str, now_s: float, if_killed_s: float = 0.0) -> str | None:
        """Take `key` for a call, in one step that two processes cannot both win.

        Args:
            key: the hash of line and callee.
            call_id: who claims it.
            now_s: wall time.
            if_killed_s: should the process die before `release`, the key stays taken until so long after now: whoever
                starts it again, and again, rings nobody more often than that.

        Returns:
            None when it was free and is now ours; else the id of the call that has it, or had it a moment ago.
        """
        ...

    @abstractmethod
    def release(self, key: str, call_id: str, now_s: float, hold_s: float) -> None:
        """The call is over: `key` stays taken for `hold_s` more from wall time `now_s`, and not longer if the clock is
        set back meanwhile. Nothing if `call_id` does not have it."""
        ...


@dataclass(frozen=True, slots=True)
class DialRequest:
    """What `offhook_before_dial` is asked about.

    Attributes:
        call_id: our name for the call.
        number: whom it would ring, E.164, unmasked: mask it (`offhook.numbers.mask`) wherever you write it down.
        line: which line it would be from, see `Carrier.line`; it may hold a number, too.
        wall_s: now, in seconds since 1970, by the phone's clock.
        dry_run: nothing will be dialled, whatever is decided.
    """

    call_id: str
    number: str = field(repr=False)
    line: str = field(repr=False)
    wall_s: float
    dry_run: bool = False
