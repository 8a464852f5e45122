"""Notes in a call's timeline what the program did to the sound: at once, and at most about once a second by each name.

Without them, a reader of a journal could not tell that the program stopped playing from a source that ran out.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    class _Note(Protocol):
        """`Timeline.note`."""

        def __call__(self, name: str, detail: str, facts: Mapping[str, object]) -> object: ...


#: `Call.clear`; its facts are `sent_ms`, what `clear` returned, and `times`, how many calls the entry stands for.
PLAYOUT_CLEARED: Final = "PlayoutCleared"
#: The program hung up while audio waited to be sent; its fact `sent_ms` is how much of the item had been sent.
PLAYOUT_CUT: Final = "PlayoutCut"
MUTED: Final = "Muted"
UNMUTED: Final = "Unmuted"

#: Repetitions within this time, in seconds, are one entry.
WINDOW_S: Final = 1.0


@dataclass(slots=True)
class _Window:
    """What happened by one name since its last entry."""

    timer: asyncio.TimerHandle
    times: int = 0
    detail: str = ""
    facts: Mapping[str, object] = field(default_factory=dict[str, object])


class ProgramNotes:
    """The notes of one call.

    The first of several actions by one name is noted at once. Those that follow within `WINDOW_S` are counted, and are
    one entry when that time has passed, and so on: a program that clears 50 times a second adds one entry a second.

    Args:
        note: adds an entry to the timeline.
    """

    def __init__(self, note: _Note) -> None:
        self._note = note
        self._windows: dict[str, _Window] = {}
        self._ended = False

    def add(self, name: str, detail: str = "", facts: Mapping[str, object] | None = None) -> None:
        """Note an action.

        Args:
            name: its stable name.
            detail: for people.
            facts: for programs; of repetitions, the last ones are kept.
        """
        if self._ended:
            return
        facts = {} if facts is None else facts
        window = self._windows.get(name)
        if window is None:
            self._open(name)
            self._note(name, detail, {**facts, "times": 1})
            return
        window.times += 1
        window.detail, window.facts = detail, facts

    def end(self) -> None:
        """Note what has been counted, and nothing from now on: the record becomes final. Idempotent."""
        self._ended = True
        for name in tuple(self._windows):
            self._close(name)

    def _open(self, name: str) -> None:
        self._windows[name] = _Window(asyncio.get_running_loop().call_later(WINDOW_S, self._passed, name))

    def _passed(self, name: str) -> None:
        if self._close(name):
            self._open(name)

    def _close(self, name: str) -> bool:
        """Forget what was counted by a name, and note it; returns whether there was anything."""
        window = self._windows.pop(name)
        window.timer.cancel()
        if window.times:
            last = f", the last: {window.detail}" if window.detail else ""
            self._note(
                name, f"{window.times} more within {WINDOW_S:g} s{last}", {**window.facts, "times": window.times}
            )
        return window.times > 0
