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
    """Ring for so long."""

    duration_s: float


@dataclass(frozen=True, slots=True)
class Answer:
    """Join the channel and publish audio."""


@dataclass(frozen=True, slots=True)
class Decline:
    """Refuse. The caller sees nothing of it: nobody joins."""


@dataclass(frozen=True, slots=True)
class NeverAnswer:
    """Let it ring until the caller gives up."""


@dataclass(frozen=True, slots=True)
class Say:
    """Speak an audio file, or its first `duration_s`."""

    path: Path
    duration_s: float | None = None


class Sound(Enum):
    """What a callee may listen for."""

    SPEECH = "speech"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True)
class ListenFor:
    """Listen until the caller speaks (`SPEECH`), or has spoken and paused (`QUIET`)."""

    sound: Sound


@dataclass(frozen=True, slots=True)
class Echo:
    """Say back what is heard, from now on."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for so long."""

    duration_s: float


@dataclass(frozen=True, slots=True)
class HangUp:
    """Leave the channel as a callee does who hangs up."""


@dataclass(frozen=True, slots=True)
class Drop:
    """Vanish from the channel as a callee does whose network fails."""


Step: TypeAlias = Ring | Answer | Decline | NeverAnswer | Say | ListenFor | Echo | Wait | HangUp | Drop

_BEFORE_ANSWER = (Ring, Answer, Decline, NeverAnswer, Wait)


@dataclass(frozen=True, slots=True)
class Script:
    """What a callee does.

    Attributes:
        summary: for people, in the present tense.
        steps: what is done, in order.

    Raises:
        ConfigError: a step stands on the wrong side of `Answer`.
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
