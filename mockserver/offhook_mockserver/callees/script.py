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
from offhook_mockserver.callees.order import StepOrder
from offhook_mockserver.callees.sounds import Condition, Sound, SoundsLike, Tone
from offhook_mockserver.callees.step import Step
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
    def size(self) -> int:
        """How many steps it has, those in branches and loops included."""
        return sum(1 for _ in _all(self.steps))

    @property
    def compares(self) -> bool:
        """Whether a branch depends on what the caller's words sounded like."""
        return any(isinstance(step, IfHeard) and isinstance(step.condition, SoundsLike) for step in _all(self.steps))


def _all(steps: Sequence[Step]) -> Iterator[Step]:
    for step in steps:
        yield step
        for nested in step.nested:
            yield from _all(nested)
