"""A callee's script: steps as data. Times are in seconds.

`Ring`, `Decline` and `NeverAnswer` come before `Answer`, the other steps after it. When a script has ended, the callee
waits for the caller to hang up.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

from offhook.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Ring:
    """Ring for `duration_s`."""

    duration_s: float


@dataclass(frozen=True, slots=True)
class Answer:
    """Join the channel and publish audio."""


@dataclass(frozen=True, slots=True)
class Decline:
    """Decline. The caller sees only that the callee does not join."""


@dataclass(frozen=True, slots=True)
class NeverAnswer:
    """Ring until the caller gives up."""


@dataclass(frozen=True, slots=True)
class Say:
    """Say an audio file, or its first `duration_s`."""

    path: Path
    duration_s: float | None = None


class Sound(Enum):
    """What a callee can listen for."""

    SPEECH = "speech"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True)
class ListenFor:
    """Listen until the caller speaks (`SPEECH`), or has spoken and paused (`QUIET`)."""

    sound: Sound


@dataclass(frozen=True, slots=True)
class Echo:
    """Echo what is heard, from now on."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for `duration_s`."""

    duration_s: float


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
        steps: what the callee does, in order.

    Raises:
        ConfigError: a step is on the wrong side of `Answer`.
    """

    summary: str
    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        answered = False
        for number, step in enumerate(self.steps, 1):
            early = isinstance(step, _BEFORE_ANSWER)
            if (answered and early and not isinstance(step, Wait)) or not (answered or early):
                side = "after" if answered else "before"
                raise ConfigError(f"step {number} of the script, {type(step).__name__}, cannot come {side} Answer")
            answered = answered or isinstance(step, Answer)
