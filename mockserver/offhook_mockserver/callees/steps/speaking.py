"""What a callee sends: speech, an echo, noise, or nothing for a while."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from offhook.arguments import check_number, check_seconds
from offhook_mockserver.callees.sounds import Sound
from offhook_mockserver.callees.speech import Speech
from offhook_mockserver.callees.step import Step, When

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from pathlib import Path

    from offhook_mockserver.callees.step import Stage

#: The longest delay of an echo, in seconds: its frames wait in memory.
MOST_ECHO_DELAY_S: Final = 10.0


@dataclass(frozen=True, slots=True, init=False)
class Say(Step):
    """Say an audio file, or its first `duration_s`.

    Args:
        path: the file, or, as text, the spec of an audio source, such as ``tone:440,2``; ``~`` at the beginning of a
            file is the home folder.
        duration_s: how much of it to say; None for all.

    Attributes:
        path: the file; None if another source makes the audio.
        speech: what is said.
    """

    verb: ClassVar[str] = "say"

    speech: Speech

    def __init__(self, path: str | os.PathLike[str], duration_s: float | None = None) -> None:
        object.__setattr__(self, "speech", Speech.of(path, duration_s, "Say(path)"))

    @property
    def path(self) -> Path | None:
        """The file; None if another source makes the audio."""
        return self.speech.path

    @property
    def duration_s(self) -> float | None:
        """How much of it to say; None for all."""
        return self.speech.duration_s

    @property
    def text(self) -> str:
        return f"says {self.speech.name}"

    @property
    def speeches(self) -> tuple[Speech, ...]:
        return (self.speech,)

    def arguments(self) -> Mapping[str, object]:
        return _said(self.speech)

    async def play(self, stage: Stage) -> None:
        await stage.say(self.speech)


@dataclass(frozen=True, slots=True, init=False)
class BargeIn(Step):
    """Wait until the caller speaks, and then speak, too.

    Args:
        path: an audio file, or the spec of a source.
        after_s: how long after the caller began.
        duration_s: how much of it to say; None for all.
    """

    verb: ClassVar[str] = "barge_in"

    speech: Speech
    after_s: float

    def __init__(self, path: str | os.PathLike[str], after_s: float = 0.5, *, duration_s: float | None = None) -> None:
        object.__setattr__(self, "speech", Speech.of(path, duration_s, "BargeIn(path)"))
        object.__setattr__(self, "after_s", check_seconds(after_s, "BargeIn(after_s)", zero=True))

    @property
    def text(self) -> str:
        return f"barges in with {self.speech.name}"

    @property
    def speeches(self) -> tuple[Speech, ...]:
        return (self.speech,)

    def arguments(self) -> Mapping[str, object]:
        return {**_said(self.speech), "after_s": self.after_s}

    async def play(self, stage: Stage) -> None:
        await stage.listen(Sound.SPEECH, None)
        await asyncio.sleep(self.after_s)
        await stage.say(self.speech)


@dataclass(frozen=True, slots=True)
class Echo(Step):
    """Echo what is heard, from now on.

    Args:
        delay_s: how much later; at most 10 s.
    """

    verb: ClassVar[str] = "echo"

    delay_s: float = 0.0

    def __post_init__(self) -> None:
        check_number(self.delay_s, "Echo(delay_s)", least=0, most=MOST_ECHO_DELAY_S, unit="seconds")

    @property
    def text(self) -> str:
        return f"echoes what is heard, {self.delay_s:g} s later" if self.delay_s else "echoes what is heard"

    async def play(self, stage: Stage) -> None:
        stage.echo(self.delay_s)


@dataclass(frozen=True, slots=True)
class Noise(Step):
    """Send noise beneath everything else, from now on.

    Args:
        level_dbfs: its level (root mean square), from -90 to -10 dBFS.
    """

    verb: ClassVar[str] = "noise"

    level_dbfs: float = -40.0

    def __post_init__(self) -> None:
        check_number(self.level_dbfs, "Noise(level_dbfs)", least=-90, most=-10, unit="dBFS")

    @property
    def text(self) -> str:
        return f"makes noise at {self.level_dbfs:g} dBFS"

    async def play(self, stage: Stage) -> None:
        stage.make_noise(self.level_dbfs)


@dataclass(frozen=True, slots=True)
class Wait(Step):
    """Do nothing for `duration_s`."""

    verb: ClassVar[str] = "wait"
    when: ClassVar[When] = When.ANY

    duration_s: float

    def __post_init__(self) -> None:
        check_seconds(self.duration_s, "Wait(duration_s)", zero=True)

    @property
    def text(self) -> str:
        return f"waits {self.duration_s:g} s"

    async def play(self, stage: Stage) -> None:
        await asyncio.sleep(self.duration_s)


def _said(speech: Speech) -> dict[str, object]:
    given: dict[str, object] = {"what": speech.what}
    if speech.duration_s is not None:
        given["duration_s"] = speech.duration_s
    return given
