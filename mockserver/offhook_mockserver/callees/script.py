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
    from collections.abc import Sequence

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
        check_steps(steps)

    @property
    def speeches(self) -> tuple[Speech, ...]:
        """The audio that it needs, each once."""
        return tuple(dict.fromkeys(chain.from_iterable(step.speeches for step in self.steps)))


def check_steps(steps: Sequence[Step], *, within_call: bool = False) -> None:
    """Check the order and the number of steps.

    Args:
        steps: the steps.
        within_call: whether the callee has answered before the first.

    Raises:
        ConfigError: a step is on the wrong side of `Answer` or is never reached, or there are too many.
    """
    _check_order(steps, answered=within_call, where="the script", depth=0)
    most = sum(step.most_steps for step in steps)
    if most > MOST_STEPS:
        raise ConfigError(
            f"the script has {most:,} steps, repetitions included, and {MOST_STEPS:,} is the limit: repeat less often"
        )


def _check_order(steps: Sequence[Step], *, answered: bool, where: str, depth: int) -> None:
    if depth > MOST_DEPTH:
        raise ConfigError(f"branches and loops are nested more than {MOST_DEPTH} deep, which is the limit")
    nested = depth > 0
    for number, step in enumerate(steps, 1):
        kind = type(step).__name__
        wrong_side = When.BEFORE if answered else When.AFTER
        if step.when is wrong_side:
            side = "after" if answered else "before"
            hint = " or in a branch" if nested else ""
            raise ConfigError(f"step {number} of {where}, {kind}, cannot come {side} Answer{hint}")
        for inner in step.nested:
            _check_order(inner, answered=answered, where=f"{kind} (step {number})", depth=depth + 1)
        answered = answered or isinstance(step, Answer)
    for number, step in enumerate(steps[:-1], 1):
        if step.always_ends:
            after = type(steps[number]).__name__
            raise ConfigError(
                f"step {number + 1} of {where}, {after}, is never reached: {type(step).__name__} ends the script"
            )
    for number, step in enumerate(steps, 1):
        if isinstance(step, Repeat) and step.times > 1 and step.always_ends:
            raise ConfigError(f"step {number} of {where}, Repeat, never repeats: its steps end the script")
