"""What a callee does about a call that rings."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from offhook.arguments import check_flag, check_seconds
from offhook_mockserver.callees.ends import CalleeEnd
from offhook_mockserver.callees.moments import MomentCode
from offhook_mockserver.callees.speech import Speech
from offhook_mockserver.callees.step import Step, When
from offhook_mockserver.callees.summaries import CLIPS

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from pathlib import Path

    from offhook_mockserver.callees.step import Stage


@dataclass(frozen=True, slots=True)
class Ring(Step):
    """Ring for `duration_s`."""

    verb: ClassVar[str] = "ring"
    when: ClassVar[When] = When.BEFORE

    duration_s: float

    def __post_init__(self) -> None:
        check_seconds(self.duration_s, "Ring(duration_s)", zero=True)

    @property
    def text(self) -> str:
        return f"rings for {self.duration_s:g} s"

    async def play(self, stage: Stage) -> None:
        await asyncio.sleep(self.duration_s)


@dataclass(frozen=True, slots=True)
class Answer(Step):
    """Join the channel and publish audio."""

    verb: ClassVar[str] = "answer"
    when: ClassVar[When] = When.BEFORE

    @property
    def text(self) -> str:
        return "answers"

    async def play(self, stage: Stage) -> None:
        await stage.answer()


@dataclass(frozen=True, slots=True)
class Decline(Step):
    """Decline. The caller sees only that the callee does not join."""

    verb: ClassVar[str] = "decline"
    when: ClassVar[When] = When.BEFORE
    ends: ClassVar[bool] = True

    @property
    def text(self) -> str:
        return "declines"

    async def play(self, stage: Stage) -> None:
        stage.note(MomentCode.DECLINED, "callee declines")
        await stage.end(CalleeEnd.DECLINED)


@dataclass(frozen=True, slots=True)
class Busy(Step):
    """Be in another call. The caller sees only that the callee does not join."""

    verb: ClassVar[str] = "busy"
    when: ClassVar[When] = When.BEFORE
    ends: ClassVar[bool] = True

    @property
    def text(self) -> str:
        return "is busy"

    async def play(self, stage: Stage) -> None:
        stage.note(MomentCode.BUSY, "callee is busy")
        await stage.end(CalleeEnd.BUSY)


@dataclass(frozen=True, slots=True)
class Unreachable(Step):
    """Be switched off, or without a network. The caller sees only that the callee does not join."""

    verb: ClassVar[str] = "unreachable"
    when: ClassVar[When] = When.BEFORE
    ends: ClassVar[bool] = True

    @property
    def text(self) -> str:
        return "is unreachable"

    async def play(self, stage: Stage) -> None:
        stage.note(MomentCode.UNREACHABLE, "callee is unreachable")
        await stage.end(CalleeEnd.UNREACHABLE)


@dataclass(frozen=True, slots=True)
class AnsweredElsewhere(Step):
    """Answer on a device that does not join the channel. The caller sees only that the callee does not join."""

    verb: ClassVar[str] = "answered_elsewhere"
    when: ClassVar[When] = When.BEFORE
    ends: ClassVar[bool] = True

    @property
    def text(self) -> str:
        return "answers on a device that is not in the channel"

    async def play(self, stage: Stage) -> None:
        stage.note(MomentCode.ANSWERED_ELSEWHERE, "callee answers elsewhere")
        await stage.end(CalleeEnd.ANSWERED_ELSEWHERE)


@dataclass(frozen=True, slots=True)
class NeverAnswer(Step):
    """Ring until the caller gives up."""

    verb: ClassVar[str] = "never_answer"
    when: ClassVar[When] = When.BEFORE
    ends: ClassVar[bool] = True

    @property
    def text(self) -> str:
        return "never answers"

    async def play(self, stage: Stage) -> None:
        stage.may_end()  # when the caller gives up, and not before
        await asyncio.get_running_loop().create_future()  # the callee cancels this when its part ends


@dataclass(frozen=True, slots=True, init=False)
class Voicemail(Step):
    """Answer as a voicemail: say a greeting, beep, record what the caller says, and hang up.

    Args:
        greeting: an audio file, or the spec of a source; by default a clip that offhook comes with.
        beep: whether it beeps after the greeting.
        records_s: how long it records before it hangs up.
    """

    verb: ClassVar[str] = "voicemail"
    when: ClassVar[When] = When.BEFORE
    ends: ClassVar[bool] = True

    greeting: Speech
    beep: bool
    records_s: float

    def __init__(
        self, greeting: str | os.PathLike[str] | None = None, *, beep: bool = True, records_s: float = 30.0
    ) -> None:
        clip: str | os.PathLike[str] | Path = CLIPS / "greeting.wav" if greeting is None else greeting
        object.__setattr__(self, "greeting", Speech.of(clip, None, "Voicemail(greeting)"))
        object.__setattr__(self, "beep", check_flag(beep, "Voicemail(beep)"))
        object.__setattr__(self, "records_s", check_seconds(records_s, "Voicemail(records_s)"))

    @property
    def text(self) -> str:
        return "goes to voicemail"

    @property
    def speeches(self) -> tuple[Speech, ...]:
        return (self.greeting,)

    def arguments(self) -> Mapping[str, object]:
        given: dict[str, object] = {}
        if self.greeting.path != CLIPS / "greeting.wav":
            given["greeting"] = self.greeting.what
        if not self.beep:
            given["beep"] = False
        return {**given, "records_s": self.records_s}

    async def play(self, stage: Stage) -> None:
        await stage.answer()
        stage.note(MomentCode.VOICEMAIL, "voicemail answers")
        await stage.say(self.greeting)
        if self.beep:
            await stage.beep()
            stage.note(MomentCode.BEEPED, "voicemail beeps, and records")
        stage.may_end()  # a caller hangs up when the message is left
        await asyncio.sleep(self.records_s)
        stage.note(MomentCode.HUNG_UP, "voicemail hangs up")
        await stage.end(CalleeEnd.HUNG_UP)
