"""The order of a script's steps, and how many there may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.errors import ConfigError
from offhook_mockserver.callees.step import When
from offhook_mockserver.callees.steps.answering import Answer
from offhook_mockserver.callees.steps.branching import Repeat

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook_mockserver.callees.step import Step

#: Steps that a script plays at most, repetitions included, and how deep branches and loops may be nested.
MOST_STEPS: Final = 10_000
MOST_DEPTH: Final = 8


class StepOrder:
    """Checks the order and the number of steps, one after the other.

    Args:
        where: what holds the steps, for messages.
        answered: whether the callee has answered before the first.
        depth: in how many branches and loops they are.
        named: returns how a step is written, for messages; by default, the name of its class.
    """

    def __init__(
        self,
        where: str = "the script",
        *,
        answered: bool = False,
        depth: int = 0,
        named: Callable[[type[Step]], str] = lambda kind: kind.__name__,
    ) -> None:
        self._named = named
        self.answered: bool = answered
        self._where = where
        self._depth = depth
        self._number = 0
        self._most_steps = 0
        self._ended_by = ""

    def add(self, step: Step) -> None:
        """Check the next step.

        Raises:
            ConfigError: it is on the wrong side of `Answer` or is never reached, or there are too many steps.
        """
        self._number += 1
        kind = self._named(type(step))
        this = f"step {self._number} of {self._where}, {kind},"
        if self._ended_by:
            raise ConfigError(f"{this} is never reached: {self._ended_by} ends the script")
        if step.when is (When.BEFORE if self.answered else When.AFTER):
            side = "after" if self.answered else "before"
            raise ConfigError(f"{this} cannot come {side} {self._named(Answer)}")
        if step.nested and self._depth == MOST_DEPTH:
            raise ConfigError(f"{this} is nested too deep: branches and loops may be {MOST_DEPTH} deep")
        for steps in step.nested:
            order = StepOrder(
                f"{kind} (step {self._number})", answered=self.answered, depth=self._depth + 1, named=self._named
            )
            for inner in steps:
                order.add(inner)
        if isinstance(step, Repeat) and step.times > 1 and step.always_ends:
            raise ConfigError(f"{this} never repeats: one of its steps ends the script")
        self._most_steps += step.most_steps
        if self._most_steps > MOST_STEPS:
            raise ConfigError(
                f"{this} is too much: a script may have {MOST_STEPS:,} steps, repetitions included. Repeat less often"
            )
        self.answered = self.answered or isinstance(step, Answer)
        self._ended_by = kind if step.always_ends else ""
