"""What a callee makes of what it hears: listening, branches and loops."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, ClassVar, Final, cast

from offhook.arguments import check_instance, check_seconds, check_several, check_whole, wrong
from offhook_mockserver.callees.moments import MomentCode
from offhook_mockserver.callees.sounds import TURN_PAUSE_MS, Condition, Sound, SoundsLike, Tone
from offhook_mockserver.callees.step import Step

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from offhook_mockserver.callees.sounds import Heard, Listened
    from offhook_mockserver.callees.speech import Speech
    from offhook_mockserver.callees.step import Stage

#: How often a loop may run.
MOST_TIMES: Final = 1000


@dataclass(frozen=True, slots=True)
class ListenFor(Step):
    """Listen until the caller speaks (`SPEECH`), has spoken and paused (`QUIET`), or sends a marker or a tone.

    For `QUIET`, speech counts since the callee last stopped speaking or listened for speech or quiet, or answered; for
    the others, what is heard from now on.

    Args:
        sound: what to listen for.
        within_s: how long; then the script goes on. None: until the call ends.
    """

    verb: ClassVar[str] = "listen"

    sound: Listened
    within_s: float | None = None

    def __post_init__(self) -> None:
        sounds = ", ".join(str(sound) for sound in Sound)
        named = next((str(sound) for sound in Sound if sound.value == cast("object", self.sound)), "")
        guess = f"Write {named}" if named else ""
        check_instance(self.sound, "ListenFor(sound)", (Sound, Tone), f"one of {sounds}, or a Tone", guess)
        if self.within_s is not None:
            check_seconds(self.within_s, "ListenFor(within_s)")

    @property
    def text(self) -> str:
        limit = "" if self.within_s is None else f", for at most {self.within_s:g} s"
        return f"listens until {_heard_text(self.sound)}{limit}"

    def arguments(self) -> Mapping[str, object]:
        until = str(self.sound) if isinstance(self.sound, Tone) else self.sound.value
        return {"until": until} | ({} if self.within_s is None else {"within_s": self.within_s})

    async def play(self, stage: Stage) -> None:
        await stage.listen(self.sound, self.within_s)


@dataclass(frozen=True, slots=True, init=False)
class IfHeard(Step):
    """Go on with `then` if the caller was heard as `condition` says, and else with `otherwise`.

    Args:
        condition: that the caller spoke, was silent, or sounded like a clip; since when, each condition says.
        then: the steps if so.
        otherwise: the steps if not.
    """

    verb: ClassVar[str] = "if_heard"

    condition: Heard
    then: tuple[Step, ...]
    otherwise: tuple[Step, ...]

    def __init__(self, condition: Heard, then: Sequence[Step], otherwise: Sequence[Step] = ()) -> None:
        object.__setattr__(
            self,
            "condition",
            check_instance(condition, "IfHeard(condition)", (Condition, SoundsLike), "a Condition or SoundsLike(...)"),
        )
        object.__setattr__(self, "then", _steps(then, "IfHeard(then)"))
        object.__setattr__(self, "otherwise", _steps(otherwise, "IfHeard(otherwise)"))

    @property
    def text(self) -> str:
        return f"branches on whether {_condition_text(self.condition)}"

    @property
    def speeches(self) -> tuple[Speech, ...]:
        clip = (self.condition.speech,) if isinstance(self.condition, SoundsLike) else ()
        return (*clip, *chain.from_iterable(step.speeches for step in (*self.then, *self.otherwise)))

    @property
    def nested(self) -> tuple[Sequence[Step], ...]:
        return self.then, self.otherwise

    @property
    def always_ends(self) -> bool:
        return _end(self.then) and _end(self.otherwise)

    @property
    def most_steps(self) -> int:
        return 1 + max(sum(step.most_steps for step in steps) for steps in self.nested)

    def arguments(self) -> Mapping[str, object]:
        if isinstance(self.condition, SoundsLike):
            given: dict[str, object] = {"what": self.condition.speech.what, "at_least": self.condition.at_least}
        else:
            given = {"what": self.condition.value}
        return given | {"then": self.then} | ({"otherwise": self.otherwise} if self.otherwise else {})

    async def play(self, stage: Stage) -> None:
        match self.condition:
            case Condition.SPEECH:
                holds = stage.caller_spoke()
            case Condition.SILENCE:
                holds = not stage.caller_spoke()
            case SoundsLike():
                holds = stage.heard_clip(self.condition)
        word = "yes" if holds else "no"
        stage.note(MomentCode.BRANCHED, f"whether {_condition_text(self.condition)}: {word}")
        await stage.play(self.then if holds else self.otherwise)


@dataclass(frozen=True, slots=True, init=False)
class Repeat(Step):
    """Play steps several times.

    Args:
        times: how often, at most 1,000 times.
        steps: what to play.
    """

    verb: ClassVar[str] = "repeat"

    times: int
    steps: tuple[Step, ...]

    def __init__(self, times: int, steps: Sequence[Step]) -> None:
        object.__setattr__(self, "times", check_whole(times, "Repeat(times)", least=1, most=MOST_TIMES, unit="times"))
        object.__setattr__(self, "steps", _steps(steps, "Repeat(steps)"))
        if not self.steps:
            raise wrong("Repeat(steps)", "at least one step", steps)

    @property
    def text(self) -> str:
        steps = "a step" if len(self.steps) == 1 else f"{len(self.steps)} steps"
        return f"plays {steps} {self.times} times"

    @property
    def speeches(self) -> tuple[Speech, ...]:
        return tuple(chain.from_iterable(step.speeches for step in self.steps))

    @property
    def nested(self) -> tuple[Sequence[Step], ...]:
        return (self.steps,)

    @property
    def always_ends(self) -> bool:
        return _end(self.steps)

    @property
    def most_steps(self) -> int:
        return 1 + self.times * sum(step.most_steps for step in self.steps)

    async def play(self, stage: Stage) -> None:
        for time in range(1, self.times + 1):
            stage.note(MomentCode.REPEATS, f"round {time} of {self.times}")
            await stage.play(self.steps)


def _steps(given: object, name: str) -> tuple[Step, ...]:
    steps = check_several(given, name, "a tuple of steps")
    return tuple(
        check_instance(step, f"step {number} of {name}", Step, "a step, such as Wait(1)")
        for number, step in enumerate(steps, 1)
    )


def _end(steps: Sequence[Step]) -> bool:
    return any(step.always_ends for step in steps)


def _heard_text(sound: Listened) -> str:
    if isinstance(sound, Tone):
        return f"the caller sends a tone of {sound.hz:g} Hz"
    return {
        Sound.SPEECH: "the caller speaks",
        Sound.QUIET: f"the caller has spoken and paused for {TURN_PAUSE_MS / 1000:g} s",
        Sound.MARKER: "the caller sends the marker",
    }[sound]


def _condition_text(condition: Heard) -> str:
    match condition:
        case Condition.SPEECH:
            return "the caller spoke"
        case Condition.SILENCE:
            return "the caller was silent"
        case SoundsLike(path):
            return f"the caller sounded like {path.name}"
