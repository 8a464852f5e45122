"""Counts the samples of a call that do not have their true value, and notes each place where that happens once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.interfaces.samples import KINDS_OF_DAMAGE, UNDAMAGED, Damage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


#: The name of the entry in the timeline.
EVENT: Final = "AudioDamaged"
#: At most this many entries are added for one call.
_MOST_NOTES: Final = 16

_KINDS: Final[Mapping[str, str]] = {
    "clipped": "beyond full scale and were clipped",
    "sanitised": "NaN, which became silence, or infinite, which became full scale",
    "cancelled": "nearly silent after their channels were mixed down, since the channels cancel each other out",
    "halved": "incomplete: the audio ended with half a 16-bit sample, which was left out",
}
_CURES: Final[Mapping[str, str]] = {
    "clipped": "floats must be between -1 and 1; divide those of a 16-bit scale by 32768, or make the audio softer",
    "sanitised": "mend the program that made them",
    "cancelled": "play one of the channels, or invert one of them",
    "halved": "pass all bytes of the audio",
}


class DamageLog:
    """The damage of one call.

    Args:
        note: called with the name and the text of an entry for the timeline.
    """

    def __init__(self, note: Callable[[str, str], None]) -> None:
        self._note = note
        self._noted: set[str] = set()
        self._notes = 0
        self._total = UNDAMAGED

    def counters(self) -> dict[str, int]:
        """The counters of the call: all samples so far, by kind."""
        return {f"samples_{kind}": getattr(self._total, kind) for kind in KINDS_OF_DAMAGE}

    def add(self, damage: Damage) -> None:
        """Count the damage of an item, which is noted later with `item_ended`."""
        self._total += damage

    def item_ended(self, name: str, damage: Damage, samples: int) -> None:
        """Note the damage of one item of playout, if it has any.

        Args:
            name: what was played.
            damage: all damage of the item.
            samples: how many samples of it were read.
        """
        if damage:
            self._write(f"{name}: of {samples:,} samples, {_described(damage)}")

    def at(self, place: str, damage: Damage, cure: str = "") -> None:
        """Count the damage that one stage did to a frame, and note the first of that stage.

        Args:
            place: the stage, for the timeline.
            damage: what it did.
            cure: what to do about it; by default, what helps in general.
        """
        self._total += damage
        if place not in self._noted:
            self._noted.add(place)
            self._write(f"{place}: in one frame, {_described(damage, cure)}. Further ones are only counted")

    def _write(self, text: str) -> None:
        if self._notes < _MOST_NOTES:
            self._notes += 1
            self._note(EVENT, text)


def _described(damage: Damage, cure: str = "") -> str:
    counts = {kind: getattr(damage, kind) for kind in KINDS_OF_DAMAGE}
    found = [kind for kind, count in counts.items() if count]
    what = "; ".join(f"{counts[kind]:,} {'was' if counts[kind] == 1 else 'were'} {_KINDS[kind]}" for kind in found)
    return f"{what} ({cure or '; '.join(_CURES[kind] for kind in found)})"
