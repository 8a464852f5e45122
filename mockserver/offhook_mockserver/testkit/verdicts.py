"""The answers that a test got to its questions about audio, each with the line that used it.

A failed assertion shows one line of an answer. The failure report shows all of it, and only an answer about time can
have been spoilt by a busy machine, so the report must know which answer the assertion that failed had used.
"""

from __future__ import annotations

import sys
from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from types import CodeType, FrameType, TracebackType

#: pytest shows the line of the test, and none of ours.
__tracebackhide__: Final = True

#: What marks unittest's own modules, and others whose frames it hides.
_UNITTEST: Final = "__unittest"
#: How many answers are kept of a test, the latest ones.
_MOST: Final = 200


class Answered(Protocol):
    """What is read of a verdict of `offhook.testing.audio`."""

    @property
    def explanation(self) -> str: ...
    @property
    def about_time(self) -> bool: ...
    @property
    def off_by_s(self) -> float | None: ...
    @property
    def passed(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class NotedVerdict:
    """A verdict that was used as a truth value, and the line that did it."""

    verdict: Answered
    code: CodeType
    line: int


class VerdictNotes:
    """The verdicts and figures of one test, the latest 200. `add` is the `note` of `Heard`."""

    def __init__(self) -> None:
        self._notes: deque[NotedVerdict] = deque(maxlen=_MOST)

    def add(self, verdict: Answered) -> None:
        """Keep a verdict, together with the line outside offhook that is using it."""
        frame: FrameType | None = sys._getframe(1)  # pyright: ignore[reportPrivateUsage] - documented
        while frame is not None and _is_between(frame):
            frame = frame.f_back
        if frame is not None:
            self._notes.append(NotedVerdict(verdict, frame.f_code, frame.f_lineno))

    def behind(self, error: BaseException) -> list[Answered]:
        """Return the verdicts that the failed assertion had used; empty for any other error."""
        if not isinstance(error, AssertionError):
            return []
        place = _failed_statement(error.__traceback__)
        if place is None:
            return []
        code, first, last = place
        used = [note.verdict for note in self._notes if note.code is code and first <= note.line <= last]
        return list(dict.fromkeys(used))  # pytest uses a part of an ``and`` twice

    def figures(self) -> list[Answered]:
        """Return the figures that the test read, the latest first, each once."""
        from offhook.testing.audio import Figure

        read = [note.verdict for note in reversed(self._notes) if isinstance(note.verdict, Figure)]
        return list(dict.fromkeys(read))


def _is_between(frame: FrameType) -> bool:
    """Whether a frame lies between a line of the test and the verdict: it is offhook's, or a method of unittest."""
    return str(frame.f_globals.get("__name__", "")).startswith("offhook") or _UNITTEST in frame.f_globals


def _failed_statement(trace: TracebackType | None) -> tuple[CodeType, int, int] | None:
    """The code and the lines of the statement that failed; in a test of unittest, those of the call of its method."""
    step = None
    while trace is not None:
        if _UNITTEST not in trace.tb_frame.f_globals:
            step = trace
        trace = trace.tb_next
    if step is None:
        return None
    code = step.tb_frame.f_code
    positions = next(islice(code.co_positions(), step.tb_lasti // 2, None), (None, None, None, None))
    first = positions[0] or step.tb_lineno
    return code, first, positions[1] or first
