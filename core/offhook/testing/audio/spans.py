"""Stretches of time, in seconds, and arithmetic on lists of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from offhook.arguments import check_number
from offhook.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A stretch of time, from `from_s` up to `to_s`, in seconds.

    Raises:
        ConfigError: one of them is not a finite number, or it ends before it begins.
    """

    from_s: float
    to_s: float

    def __post_init__(self) -> None:
        check_number(self.from_s, "from_s")
        check_number(self.to_s, "to_s")
        if self.to_s < self.from_s:
            raise ConfigError(f"a Span must not end before it begins, got {self.from_s:g} to {self.to_s:g} s")

    @property
    def duration_s(self) -> float:
        """Its length."""
        return self.to_s - self.from_s

    def __str__(self) -> str:
        return f"{self.from_s:.2f} to {self.to_s:.2f} s"


def joined(spans: Iterable[Span], pause_s: float = 0.0) -> list[Span]:
    """The spans in order of time, where those that overlap or are at most `pause_s` apart have become one."""
    result: list[Span] = []
    for span in sorted(spans):
        if result and span.from_s - result[-1].to_s <= pause_s:
            result[-1] = Span(result[-1].from_s, max(result[-1].to_s, span.to_s))
        else:
            result.append(span)
    return result


def common(one: Sequence[Span], other: Sequence[Span]) -> list[Span]:
    """The time that belongs to both lists; each is in order of time and without overlaps."""
    result: list[Span] = []
    left = right = 0
    while left < len(one) and right < len(other):
        from_s = max(one[left].from_s, other[right].from_s)
        to_s = min(one[left].to_s, other[right].to_s)
        if from_s < to_s:
            result.append(Span(from_s, to_s))
        if one[left].to_s < other[right].to_s:
            left += 1
        else:
            right += 1
    return result


def total_s(spans: Iterable[Span]) -> float:
    """The sum of their lengths."""
    return sum(span.duration_s for span in spans)


def shown(spans: Sequence[Span], most: int = 4) -> str:
    """The spans for a message; of many, the first `most` and the number of the others."""
    text = ", ".join(str(span) for span in spans[:most])
    return f"{text} and {len(spans) - most} more" if len(spans) > most else text


def limit(seconds: float) -> str:
    """A limit that a question named in milliseconds, in that unit."""
    return f"{round(seconds * 1000, 3):g} ms"


def amount(seconds: float) -> str:
    """By how much a limit was missed: in seconds, or in milliseconds if that would be 0.00 s."""
    return f"{seconds:.2f} s" if seconds >= 0.01 else f"{seconds * 1000:.2g} ms"
