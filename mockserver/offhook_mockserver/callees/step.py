"""What a step of a script is, and what it may do with its callee."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from enum import Enum
from typing import TYPE_CHECKING, ClassVar, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from offhook_mockserver.callees.ends import CalleeEnd
    from offhook_mockserver.callees.moments import MomentCode
    from offhook_mockserver.callees.sounds import Listened, SoundsLike
    from offhook_mockserver.callees.speech import Speech


class When(Enum):
    """On which side of the answer a step may stand."""

    BEFORE = "before"
    AFTER = "after"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Step(ABC):
    """One thing that a callee does: its arguments as data, its words, and how it is done.

    A verb is one subclass, a frozen dataclass.

    Attributes:
        verb: its name in a TOML file.
        when: on which side of the answer it may stand.
        ends: whether it ends the script, so that no step may follow.
    """

    verb: ClassVar[str]
    when: ClassVar[When] = When.AFTER
    ends: ClassVar[bool] = False

    @property
    @abstractmethod
    def text(self) -> str:
        """What the callee does, for people: a sentence without its subject."""

    @abstractmethod
    async def play(self, stage: Stage) -> None:
        """Do it; returns when the next step may begin."""

    def arguments(self) -> Mapping[str, object]:
        """The arguments as the builder's method takes them, without those that have their defaults."""
        given: dict[str, object] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and value != field.default:
                given[field.name] = value
        return given

    @property
    def speeches(self) -> tuple[Speech, ...]:
        """The audio that it needs, nested steps included."""
        return ()

    @property
    def nested(self) -> tuple[Sequence[Step], ...]:
        """The sequences of steps inside it."""
        return ()

    @property
    def always_ends(self) -> bool:
        """Whether no step after it can be reached."""
        return self.ends

    @property
    def most_steps(self) -> int:
        """How many steps are played at most, nested ones and repetitions included."""
        return 1


class Stage(Protocol):
    """What a step may do with its callee."""

    def note(self, code: MomentCode, text: str) -> None:
        """Add a moment to the history."""
        ...

    async def end(self, end: CalleeEnd) -> None:
        """End the callee's part. Does not return: the step is cancelled."""
        ...

    def may_end(self) -> None:
        """Count the script as done when the call ends from now on."""
        ...

    async def play(self, steps: Sequence[Step]) -> None:
        """Play nested steps."""
        ...

    async def answer(self) -> None:
        """Join the channel and publish audio."""
        ...

    async def say(self, speech: Speech) -> None:
        """Say it; returns when the last frame has been sent."""
        ...

    async def beep(self) -> None:
        """Send the beep of a voicemail."""
        ...

    async def listen(self, sound: Listened, within_s: float | None) -> bool:
        """Wait for a sound; returns whether it was heard within `within_s`."""
        ...

    def caller_spoke(self) -> bool:
        """Whether the caller spoke since the callee last stopped speaking, or answered."""
        ...

    def heard_clip(self, clip: SoundsLike) -> bool:
        """Whether the caller said the clip since the callee last began to speak, or answered."""
        ...

    def echo(self, delay_s: float) -> None:
        """Echo what is heard from now on."""
        ...

    def make_noise(self, level_dbfs: float) -> None:
        """Send noise beneath everything else from now on."""
        ...

    def mute(self, muted: bool) -> None:
        """Stop publishing, or publish again."""
        ...

    def hold(self, held: bool) -> None:
        """Stop publishing and hearing, or start both again."""
        ...

    async def go_away(self, for_s: float) -> None:
        """Drop out of the channel, and join again after `for_s`."""
        ...

    def add_device(self) -> None:
        """Join with a second device, which is muted."""
        ...
