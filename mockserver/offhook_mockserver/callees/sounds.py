"""What a callee listens for, and what a branch of its script depends on, as values and as text."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from offhook.arguments import check_number, wrong
from offhook_mockserver.callees.speech import Speech

if TYPE_CHECKING:
    from pathlib import Path


#: A pause as long as this means that the caller has finished a turn.
TURN_PAUSE_MS: Final = 700


class Sound(Enum):
    """What a callee can listen for."""

    SPEECH = "speech"
    QUIET = "quiet"
    MARKER = "marker"


@dataclass(frozen=True, slots=True)
class Tone:
    """A tone to listen for.

    Args:
        hz: its frequency, from 50 to 7,900 Hz.

    Raises:
        ConfigError: `hz` is not such a number.
    """

    hz: float

    def __post_init__(self) -> None:
        check_number(self.hz, "Tone(hz)", least=50, most=7_900, unit="hertz")

    def __str__(self) -> str:
        return f"tone:{self.hz:g}"


class Condition(Enum):
    """What a branch can depend on: whether the caller spoke since the callee last stopped speaking, or answered."""

    SPEECH = "speech"
    SILENCE = "silence"


@dataclass(frozen=True, slots=True, init=False)
class SoundsLike:
    """The condition that the caller said this clip since the callee last began to speak, or answered.

    The last 60 seconds of that are compared.

    Args:
        path: an audio file.
        at_least: the part of the clip that must be found, from 0.1 to 1.

    Raises:
        ConfigError: an argument is of the wrong type, or out of range.
    """

    path: Path
    at_least: float

    def __init__(self, path: str | os.PathLike[str], at_least: float = 0.8) -> None:
        speech = Speech.of(path, None, "SoundsLike(path)")
        if speech.path is None:
            raise wrong("SoundsLike(path)", "an audio file, for example 'hello.wav'", path)
        object.__setattr__(self, "path", speech.path)
        object.__setattr__(self, "at_least", at_least)
        check_number(at_least, "SoundsLike(at_least)", least=0.1, most=1)

    @property
    def speech(self) -> Speech:
        """The clip."""
        return Speech.of(self.path, None, "SoundsLike(path)")


Listened: TypeAlias = Sound | Tone
Heard: TypeAlias = Condition | SoundsLike

_SOUNDS: Final = "'speech', 'quiet', 'marker' or a tone such as 'tone:440'"
_CONDITIONS: Final = "'speech', 'silence' or an audio file"
_TONE: Final = re.compile(r"tone:(\d{1,5}(?:\.\d{1,3})?)")


def sound_named(text: object, name: str) -> Listened:
    """The sound that a text names: ``speech``, ``quiet``, ``marker`` or ``tone:440``.

    Raises:
        ConfigError: it names no sound; the message begins with `name`.
    """
    if isinstance(text, Sound | Tone):
        return text
    if isinstance(text, str):
        if text in {sound.value for sound in Sound}:
            return Sound(text)
        if tone := _TONE.fullmatch(text):
            return Tone(float(tone[1]))
        guess = "Write 'quiet'" if text in {"silence", "pause"} else ""
        raise wrong(name, _SOUNDS, text, guess)
    raise wrong(name, _SOUNDS, text)


def condition_named(what: object, name: str) -> Heard:
    """The condition that an argument names: ``speech``, ``silence`` or an audio file.

    Raises:
        ConfigError: it names no condition; the message begins with `name`.
    """
    if isinstance(what, Condition | SoundsLike):
        return what
    if isinstance(what, str) and what in {condition.value for condition in Condition}:
        return Condition(what)
    if isinstance(what, str) and what in {"quiet", "spoke", "silent"}:
        raise wrong(name, _CONDITIONS, what, "Write 'speech' or 'silence'")
    if not isinstance(what, str | os.PathLike):
        raise wrong(name, _CONDITIONS, what)
    return SoundsLike(cast("str | os.PathLike[str]", what))
