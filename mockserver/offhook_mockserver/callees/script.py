"""A callee's script: steps as data. Times are in seconds; a `ConfigError` refuses a step with a wrong argument.

`Ring`, `Decline`, `Busy` and the like come before `Answer`, the other steps after it; `Wait` may stand on both sides.
When a script has ended, the callee waits for the caller to hang up.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, ClassVar, Final

from offhook.arguments import check_instance, check_several, check_text
from offhook.errors import ConfigError
from offhook_mockserver.callees.sounds import Condition, Sound, SoundsLike, Tone
from offhook_mockserver.callees.step import Step, When
from offhook_mockserver.callees.steps.answering import (
    Answer,
    AnsweredElsewhere,
    Busy,
    Decline,
    NeverAnswer,
    Ring,
    Unreachable,
    Voicemail,
)
from offhook_mockserver.callees.steps.branching import IfHeard, ListenFor, Repeat
from offhook_mockserver.callees.steps.presence import (
    ComeBack,
    Drop,
    HangUp,
    Hold,
    Mute,
    Resume,
    SecondDevice,
    Unmute,
)
from offhook_mockserver.callees.steps.speaking import BargeIn, Echo, Noise, Say, Wait

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from offhook_mockserver.callees.speech import Speech

__all__ = [
    "VERBS",
    "Answer",
    "AnsweredElsewhere",
    "BargeIn",
    "Busy",
    "ComeBack",
    "Condition",
    "Decline",
    "Drop",
    "Echo",
    "HangUp",
    "Hold",
    "IfHeard",
    "ListenFor",
    "Mute",
    "NeverAnswer",
    "Noise",
    "Repeat",
    "Resume",
    "Ring",
    "Say",
    "Script",
    "ScriptError",
    "SecondDevice",
    "Sound",
    "SoundsLike",
    "Step",
    "Tone",
    "Unmute",
    "Unreachable",
    "Voicemail",
    "Wait",
]

#: Every verb.
VERBS: Final[tuple[type[Step], ...]] = (
    *(Ring, Answer, Decline, Busy, NeverAnswer, Unreachable, AnsweredElsewhere, Voicemail),
    *(Say, BargeIn, Echo, Noise, Wait, ListenFor, IfHeard, Repeat),
    *(Hold, Resume, Mute, Unmute, HangUp, Drop, ComeBack, SecondDevice),
)

#: Steps that a script plays at most, repetitions included, and how deep branches and loops may be nested.
MOST_STEPS: Final = 10_000
MOST_DEPTH: Final = 8


class ScriptError(ConfigError):
    """A callee's script cannot be played: it is wrong, or the function that returns scripts raised an error.

    Nothing rang.
    """

    code: ClassVar[str] = "script"


@dataclass(frozen=True, slots=True)
class Script:
    """What a callee does.

    Attributes:
        summary: what happens, for people, in the present tense.
        steps: what the callee does, in order; a list becomes a tuple.

    Raises:
        ConfigError: `summary` is not text, `steps` holds something that is not a step, a step is on the wrong side
            of `Answer` or is never reached, or there are too many steps.
    """

    summary: str
    steps: Sequence[Step]

    def __post_init__(self) -> None:
        check_text(self.summary, "Script(summary)")
        given = check_several(self.steps, "Script(steps)", "a tuple of steps")
        steps = [
            check_instance(step, f"step {number} of the script", Step, "a step, such as Answer() or Wait(1)")
            for number, step in enumerate(given, 1)
        ]
        object.__setattr__(self, "steps", tuple(steps))
        order = StepOrder()
        for step in steps:
            order.add(step)

    @property
    def speeches(self) -> tuple[Speech, ...]:
        """The audio that it needs, each once."""
        return tuple(dict.fromkeys(chain.from_iterable(step.speeches for step in self.steps)))

    @property
    def compares(self) -> bool:
        """Whether a branch depends on what the caller's words sounded like."""
        return any(isinstance(step, IfHeard) and isinstance(step.condition, SoundsLike) for step in _all(self.steps))


def _all(steps: Sequence[Step]) -> Iterator[Step]:
    for step in steps:
        yield step
        for nested in step.nested:
            yield from _all(nested)


class StepOrder:
    """Checks the order and the number of steps, one after the other.

    Args:
        where: what holds the steps, for messages.
        answered: whether the callee has answered before the first.
        depth: in how many branches and loops they are.
    """

    def __init__(self, where: str = "the script", *, answered: bool = False, depth: int = 0) -> None:
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
        kind = type(step).__name__
        this = f"step {self._number} of {self._where}, {kind},"
        if self._ended_by:
            raise ConfigError(f"{this} is never reached: {self._ended_by} ends the script")
        if step.when is (When.BEFORE if self.answered else When.AFTER):
            side = "after" if self.answered else "before"
            raise ConfigError(f"{this} cannot come {side} Answer")
        if step.nested and self._depth == MOST_DEPTH:
            raise ConfigError(f"{this} is nested too deep: branches and loops may be {MOST_DEPTH} deep")
        for steps in step.nested:
            order = StepOrder(f"{kind} (step {self._number})", answered=self.answered, depth=self._depth + 1)
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
