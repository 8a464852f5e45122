"""A callee's script: steps as data. Times are in seconds; a `ConfigError` refuses a step with a wrong argument.

`Ring`, `Decline` and `NeverAnswer` come before `Answer`, the other steps after it. When a script has ended, the callee
waits for the caller to hang up.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, ClassVar, TypeAlias, get_args

from offhook.arguments import check_choice, check_instance, check_path, check_seconds, check_several, check_text
from offhook.errors import ConfigError
from offhook.paths import expanded

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from pathlib import Path


class ScriptError(ConfigError):
    """The function that returns callees' scripts raised an error, or returned something that cannot be played.

    Nothing rang.
    """

    code: ClassVar[str] = "script"


@dataclass(frozen=True, slots=True)
class Ring:
    """Ring for `duration_s`."""

    duration_s: float

    def __post_init__(self) -> None:
        check_seconds(self.duration_s, "Ring(duration_s)", zero=True)


@dataclass(frozen=True, slots=True)
class Answer:
    """Join the channel and publish audio."""


@dataclass(frozen=True, slots=True)
class Decline:
    """Decline. The caller sees only that the callee does not join."""


@dataclass(frozen=True, slots=True)
class NeverAnswer:
    """Ring until the caller gives up."""


@dataclass(frozen=True, slots=True, init=False)
class Say:
    """Say an audio file, or its first `duration_s`.

    Args:
        path: the file; ``~`` at its beginning is the home folder.
        duration_s: how much of it to say; None for all.
    """

    path: Path
    duration_s: float | None

    def __init__(self, path: str | os.PathLike[str], duration_s: float | None = None) -> None:
        object.__setattr__(self, "path", expanded(check_path(path, "Say(path)", "hello.wav")))
        object.__setattr__(self, "duration_s", duration_s)
        if duration_s is not None:
            check_seconds(duration_s, "Say(duration_s)")


class Sound(Enum):
    """What a callee can listen for."""

    SPEECH = "speech"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True)
class ListenFor:
    """Listen until the caller speaks (`SPEECH`), or has spoken and paused (`QUIET`)."""

    sound: Sound

    def __post_init__(self) -> None:
        check_choice(self.sound, "ListenFor(sound)", Sound)


@dataclass(frozen=True, slots=True)
class Echo:
    """Echo what is heard, from now on."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for `duration_s`."""

    duration_s: float

    def __post_init__(self) -> None:
        check_seconds(self.duration_s, "Wait(duration_s)", zero=True)


@dataclass(frozen=True, slots=True)
class HangUp:
    """Leave the channel, as a callee who hangs up does."""


@dataclass(frozen=True, slots=True)
class Drop:
    """Drop out of the channel, as a callee whose network fails does."""


Step: TypeAlias = Ring | Answer | Decline | NeverAnswer | Say | ListenFor | Echo | Wait | HangUp | Drop

_BEFORE_ANSWER = (Ring, Answer, Decline, NeverAnswer, Wait)


@dataclass(frozen=True, slots=True)
class Script:
    """What a callee does.

    Attributes:
        summary: what happens, for people, in the present tense.
        steps: what the callee does, in order; a list becomes a tuple.

    Raises:
        ConfigError: `summary` is not text, `steps` holds something that is not a step, or a step is on the wrong side
            of `Answer`.
    """

    summary: str
    steps: Sequence[Step]

    def __post_init__(self) -> None:
        check_text(self.summary, "Script(summary)")
        steps = check_several(self.steps, "Script(steps)", "a tuple of steps")
        for number, step in enumerate(steps, 1):
            check_instance(step, f"step {number} of the script", get_args(Step), "a step, such as Answer() or Wait(1)")
        object.__setattr__(self, "steps", steps)
        answered = False
        for number, step in enumerate(self.steps, 1):
            early = isinstance(step, _BEFORE_ANSWER)
            if (answered and early and not isinstance(step, Wait)) or not (answered or early):
                side = "after" if answered else "before"
                raise ConfigError(f"step {number} of the script, {type(step).__name__}, cannot come {side} Answer")
            answered = answered or isinstance(step, Answer)
