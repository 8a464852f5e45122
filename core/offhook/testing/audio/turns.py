"""Who spoke when: how long both spoke at once, and how long each took to respond to the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from offhook.testing.audio.spans import Span


@dataclass(frozen=True, slots=True)
class ResponseTimes:
    """How long each side took to respond, in seconds, in the order of their responses.

    Attributes:
        caller: from the end of the callee's speech to the start of the caller's, each time.
        callee: from the end of the caller's speech to the start of the callee's, each time.
    """

    caller: tuple[float, ...]
    callee: tuple[float, ...]


def responses(speech: Sequence[Span], others: Sequence[Span]) -> tuple[float, ...]:
    """How long `speech` took to respond to `others`; both are in order of time.

    Speech is a response if the other side was the last to speak and had stopped: speech that begins while the other
    side speaks is an interruption, and speech after one's own is not a response.
    """
    times: list[float] = []
    before_s = float("-inf")
    for span in speech:
        earlier = [other for other in others if other.from_s < span.from_s]
        if earlier and before_s < earlier[-1].to_s <= span.from_s:
            times.append(span.from_s - earlier[-1].to_s)
        before_s = max(before_s, span.to_s)
    return tuple(times)
