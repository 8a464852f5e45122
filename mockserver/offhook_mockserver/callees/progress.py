"""How far a callee has come in its script."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from offhook_mockserver.callees.step import Step


class Progress:
    """Counts the steps of a script that are done, and knows those that are being done.

    Args:
        steps: the steps of the script.

    Attributes:
        done: whether all of them are done.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = tuple(steps)
        self._count = 0
        #: The step that is being done, and the nested ones in it, each with when it began.
        self._current: list[tuple[Step, float | None]] = []
        self.done: bool = not self._steps

    def begin(self, step: Step, at_s: float | None) -> None:
        """A step begins, `at_s` seconds after the answer; within another one if that is not done."""
        self._current.append((step, at_s))

    def finish(self) -> None:
        """The step that began last is done."""
        self._current.pop()
        if not self._current:
            self._count += 1
            self.done = self._count == len(self._steps)

    def end(self) -> None:
        """The script has ended the callee's part."""
        self._current.clear()
        self._count, self.done = len(self._steps), True

    @property
    def unfinished(self) -> tuple[str, ...]:
        """The steps that are not done, in words; the first says how far it has come."""
        if self.done:
            return ()
        left = [f"step {number}: {step.text}" for number, step in enumerate(self._steps, 1)][self._count :]
        if self._current:
            step, at_s = self._current[-1]
            began = "began before the answer" if at_s is None else f"began {at_s:.1f} s after the answer"
            now = f"now {step.text}; that " if len(self._current) > 1 else ""
            left[0] += f" ({now}{began})"
        return tuple(left)
