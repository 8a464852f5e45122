"""How a callee is in the channel: muted, on hold, gone, back, with a second device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from offhook.arguments import check_seconds
from offhook_mockserver.callees.ends import CalleeEnd
from offhook_mockserver.callees.moments import MomentCode
from offhook_mockserver.callees.step import Step

if TYPE_CHECKING:
    from offhook_mockserver.callees.step import Stage


@dataclass(frozen=True, slots=True)
class Hold(Step):
    """Put the caller on hold: stop publishing, and hear nothing, until `Resume`."""

    verb: ClassVar[str] = "hold"

    @property
    def text(self) -> str:
        return "puts the caller on hold"

    async def play(self, stage: Stage) -> None:
        stage.hold(True)


@dataclass(frozen=True, slots=True)
class Resume(Step):
    """Take the caller off hold."""

    verb: ClassVar[str] = "resume"

    @property
    def text(self) -> str:
        return "takes the caller off hold"

    async def play(self, stage: Stage) -> None:
        stage.hold(False)


@dataclass(frozen=True, slots=True)
class Mute(Step):
    """Stop publishing audio, and hear the caller all the same, until `Unmute`."""

    verb: ClassVar[str] = "mute"

    @property
    def text(self) -> str:
        return "mutes"

    async def play(self, stage: Stage) -> None:
        stage.mute(True)


@dataclass(frozen=True, slots=True)
class Unmute(Step):
    """Publish audio again."""

    verb: ClassVar[str] = "unmute"

    @property
    def text(self) -> str:
        return "unmutes"

    async def play(self, stage: Stage) -> None:
        stage.mute(False)


@dataclass(frozen=True, slots=True)
class HangUp(Step):
    """Leave the channel, as a callee who hangs up does."""

    verb: ClassVar[str] = "hang_up"
    ends: ClassVar[bool] = True

    @property
    def text(self) -> str:
        return "hangs up"

    async def play(self, stage: Stage) -> None:
        stage.note(MomentCode.HUNG_UP, "callee hangs up")
        await stage.end(CalleeEnd.HUNG_UP)


@dataclass(frozen=True, slots=True)
class Drop(Step):
    """Drop out of the channel, as a callee whose network fails does, and stay away."""

    verb: ClassVar[str] = "drop"
    ends: ClassVar[bool] = True

    @property
    def text(self) -> str:
        return "drops out"

    async def play(self, stage: Stage) -> None:
        stage.note(MomentCode.DROPPED, "callee drops out")
        await stage.end(CalleeEnd.DROPPED)


@dataclass(frozen=True, slots=True)
class ComeBack(Step):
    """Drop out of the channel, as a callee whose network fails does, and join again after `after_s`."""

    verb: ClassVar[str] = "come_back"

    after_s: float

    def __post_init__(self) -> None:
        check_seconds(self.after_s, "ComeBack(after_s)", zero=True)

    @property
    def text(self) -> str:
        return f"drops out and comes back after {self.after_s:g} s"

    async def play(self, stage: Stage) -> None:
        await stage.go_away(self.after_s)


@dataclass(frozen=True, slots=True)
class SecondDevice(Step):
    """Join the channel with a second device as well, whose microphone is off."""

    verb: ClassVar[str] = "second_device"

    @property
    def text(self) -> str:
        return "joins with a second device"

    async def play(self, stage: Stage) -> None:
        stage.add_device()
