"""A callee's script: steps as data. Times are in seconds.

`Ring`, `Decline` and `NeverAnswer` come before `Answer`, the other steps after it. When a script has ended, the callee
waits for the caller to hang up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeAlias, cast, get_args

from offhook.errors import ConfigError

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence


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
        _check_duration(self, self.duration_s)


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
        try:
            file = Path(path).expanduser()
        except (TypeError, RuntimeError) as error:
            raise ConfigError(f"Say({path!r}) needs the path of an audio file: {error}") from None
        object.__setattr__(self, "path", file)
        object.__setattr__(self, "duration_s", duration_s)
        if duration_s is not None:
            _check_duration(self, duration_s)


class Sound(Enum):
    """What a callee can listen for."""

    SPEECH = "speech"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True)
class ListenFor:
    """Listen until the caller speaks (`SPEECH`), or has spoken and paused (`QUIET`)."""

    sound: Sound

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "sound", Sound(self.sound))
        except ValueError:
            raise ConfigError(f"ListenFor({self.sound!r}) is not valid; pass Sound.SPEECH or Sound.QUIET") from None


@dataclass(frozen=True, slots=True)
class Echo:
    """Echo what is heard, from now on."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for `duration_s`."""

    duration_s: float

    def __post_init__(self) -> None:
        _check_duration(self, self.duration_s)


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
        ConfigError: `summary` is not text, `steps` does not consist of steps, or a step is on the wrong side of
            `Answer`.
    """

    summary: str
    steps: Sequence[Step]

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", _steps(self.summary, self.steps))
        answered = False
        for number, step in enumerate(self.steps, 1):
            early = isinstance(step, _BEFORE_ANSWER)
            if (answered and early and not isinstance(step, Wait)) or not (answered or early):
                side = "after" if answered else "before"
                raise ConfigError(f"step {number} of the script, {type(step).__name__}, cannot come {side} Answer")
            answered = answered or isinstance(step, Answer)


def _check_duration(step: Ring | Wait | Say, duration_s: object) -> None:
    number = isinstance(duration_s, int | float) and not isinstance(duration_s, bool)
    if not (number and 0 <= duration_s < math.inf):  # type: ignore[operator]
        raise ConfigError(f"{type(step).__name__} needs a finite number of seconds from 0 up, got {duration_s!r}")


def _steps(summary: object, steps: object) -> tuple[Step, ...]:
    """The steps as a tuple.

    Raises:
        ConfigError: they are not steps, or `summary` is not text.
    """
    if not isinstance(summary, str):
        raise ConfigError(
            f'a Script needs a summary first, got {type(summary).__name__}: Script("answers", (Answer(),))'
        )
    if not isinstance(steps, list | tuple):
        raise ConfigError(
            f'the steps of a Script are a tuple, got {type(steps).__name__}: Script("answers", (Answer(),))'
        )
    for number, step in enumerate(cast("Sequence[object]", steps), 1):
        if isinstance(step, type):
            raise ConfigError(f"step {number} of the script is the class {step.__name__}; write {step.__name__}(...)")
        if not isinstance(step, get_args(Step)):
            raise ConfigError(f"step {number} of the script is {type(step).__name__}; expected a step such as Answer()")
    return tuple(cast("Sequence[Step]", steps))
