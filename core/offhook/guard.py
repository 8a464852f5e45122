"""The double-dial guard of one phone, and the key that guards go by.

Start-call rings a person each time, and its body has no key by which the carrier could tell a repetition from a second
call. So we remember ourselves who is being called. A store that is a `DialGuard` too does this for every process that
shares it; this one is for phones without.
"""

from __future__ import annotations

import hashlib
from typing import Final

from offhook.interfaces import DialGuard

#: Calls that are over and still hold their key; the oldest go first.
_MOST_HELD: Final = 10_000


def guard_key(line: str, number: str) -> str:
    """What is claimed for a call from `line` (see `Carrier.line`) to `number`; tells neither of them."""
    return hashlib.sha256(f"{line}\n{number}".encode()).hexdigest()[:32]


class MemoryGuard(DialGuard):
    """Guards the calls of whoever shares this object."""

    def __init__(self) -> None:
        self._live: dict[str, str] = {}
        #: Key to the call that had it, and from when to when it is still held, in wall time.
        self._held: dict[str, tuple[str, float, float]] = {}

    def claim(self, key: str, call_id: str, now_s: float, if_killed_s: float = 0.0) -> str | None:
        holder = self._live.get(key)
        if holder is None and (held := self._held.pop(key, None)) is not None:
            last, from_s, until_s = held
            if from_s <= now_s < until_s:  # a clock that was set back holds nobody for longer
                self._held[key] = held
                holder = last
        if holder is None:
            self._live[key] = call_id
        return holder

    def release(self, key: str, call_id: str, now_s: float, hold_s: float) -> None:
        held = self._held.get(key)
        if self._live.get(key) == call_id:
            del self._live[key]
        elif held is None or held[0] != call_id:
            return
        self._held.pop(key, None)
        if hold_s > 0:
            if len(self._held) == _MOST_HELD:
                del self._held[next(iter(self._held))]
            self._held[key] = call_id, now_s, now_s + hold_s
