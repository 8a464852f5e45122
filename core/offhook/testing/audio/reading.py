"""Reads a whole audio file, or all that a source plays, into memory."""

from __future__ import annotations

import os
import re
import wave
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from offhook.errors import SourceError
from offhook.interfaces.frame import SAMPLE_BYTES
from offhook.interfaces.samples import INT16, MOST_CHANNELS, Samples, samples_of
from offhook.paths import expanded, nearest_file
from offhook.wording import quoted, quoted_path

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from offhook.interfaces.audio import AudioSource
    from offhook.plugin import Plugins

#: pytest shows the line of the test, and none of ours.
__tracebackhide__: Final = True

_T = TypeVar("_T")

#: The longest clip, in seconds, as for what a callee says.
MOST_CLIP_S: Final = 600
#: The spec of a file.
_FILE: Final = "wav:"
#: Every other text that looks like this is the spec of another source; the rest are paths.
_SPEC: Final = re.compile(r"[a-z][a-z0-9_-]*:")


def read_wav(what: str | os.PathLike[str], base: str | os.PathLike[str] | None) -> tuple[str, bytes, int]:
    """The name, the samples and the rate of a WAV file of 16-bit samples; several channels are mixed.

    Raises:
        SourceError: it cannot be read, or is too long.
    """
    path = _placed(os.fspath(what).removeprefix(_FILE), base)
    shown = f"the audio file {quoted_path(path)}"
    try:
        with path.open("rb") as raw, wave.open(raw) as file:
            channels, width, rate_hz = file.getnchannels(), file.getsampwidth(), file.getframerate()
            _check_length(file.getnframes() / rate_hz, shown)
            data = file.readframes(file.getnframes())
    except OSError as error:
        near = nearest_file(path) or ". Check the path"
        raise SourceError(f"{shown} cannot be opened: {error.strerror}{near}") from None
    except (wave.Error, EOFError) as error:
        raise SourceError(f"{shown} is not a WAV file that can be read ({error}). {_OTHERS}") from None
    if width != SAMPLE_BYTES or channels > MOST_CHANNELS:
        raise SourceError(f"{shown} has {channels} channels of {8 * width} bits; expected 16 bits. {_OTHERS}")
    whole = data[: len(data) - len(data) % (SAMPLE_BYTES * channels)]
    if not whole:
        raise SourceError(f"{shown} {_EMPTY}")
    pcm, _ = Samples(samples_of(whole).tobytes(), INT16, channels).mono()
    return path.name, pcm, rate_hz


_EMPTY: Final = "holds no samples: check the program that made it"
_OTHERS: Final = "Other formats need plugins: Clip.read(path, plugins=Plugins.load())"


def read_source(
    what: str | os.PathLike[str], base: str | os.PathLike[str] | None, plugins: Plugins
) -> tuple[str, bytes, int]:
    """The name, the samples and the rate of what a spec or a path stands for.

    Raises:
        SourceError: it cannot be read, has no end, is too long, or waits for something.
        SpecError, MissingExtraError: no plugin has such a source.
    """
    name, rest = os.fspath(what), None
    if isinstance(what, os.PathLike) or name.startswith(_FILE) or not _SPEC.match(name):
        path = _placed(name.removeprefix(_FILE), base)
        name, rest = path.name, path
    return name, *_drained(plugins.source(name if rest is None else rest), f"the audio of {quoted(name)}")


def _drained(source: AudioSource, shown: str) -> tuple[bytes, int]:
    pcm = bytearray()
    rate_hz = 0
    try:
        while (frame := _now(source.read(), shown)) is not None:
            if rate_hz and frame.rate_hz != rate_hz:
                raise SourceError(f"{shown} changes its rate from {rate_hz} to {frame.rate_hz} Hz: use one rate")
            rate_hz = frame.rate_hz
            pcm += frame.pcm
            _check_length(len(pcm) / (SAMPLE_BYTES * rate_hz), shown)
    finally:
        _now(source.aclose(), shown)
    if not rate_hz:
        raise SourceError(f"{shown} {_EMPTY}")
    return bytes(pcm), rate_hz


def _now(coroutine: Coroutine[object, object, _T], shown: str) -> _T:
    """The result of a coroutine that does not wait for anything, with or without an event loop around it."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: _T = done.value
        return result
    coroutine.close()
    raise SourceError(f"{shown} is not there at once, since its source waits: write it to a WAV file first")


def _placed(path: str, base: str | os.PathLike[str] | None) -> Path:
    return Path(base or "", expanded(path))


def _check_length(duration_s: float, shown: str) -> None:
    if duration_s > MOST_CLIP_S:
        raise SourceError(f"{shown} is longer than {MOST_CLIP_S} s, which is the limit for a clip")
