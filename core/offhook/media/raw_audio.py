"""Raw audio, chunk by chunk: bytes and arrays as a synthesiser yields them, made into frames."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from offhook.arguments import discard
from offhook.errors import SourceError
from offhook.interfaces.frame import SAMPLE_BYTES, AudioFrame
from offhook.interfaces.samples import Damage, Samples, samples_in

if TYPE_CHECKING:
    from collections.abc import Mapping


class Buffer(Protocol):
    """Anything that has Python's buffer protocol: bytes, bytearray, memoryview, `array.array`, arrays of numpy."""

    def __buffer__(self, flags: int, /) -> memoryview: ...


class Array(Protocol):
    """Anything of which an array of numpy can be made, such as a tensor."""

    def __array__(self) -> object: ...


#: One piece of audio: a frame, or raw audio at a rate that is known from elsewhere.
Chunk: TypeAlias = AudioFrame | Buffer | Array

#: A long chunk is converted in parts of this length, so that it does not hold up the loop.
PART_MS: Final = 100
#: How files of other formats begin: their bytes are not samples.
_FILES: Final[Mapping[bytes, str]] = {
    b"RIFF": "a WAV file",
    b"OggS": "an Ogg file",
    b"fLaC": "a FLAC file",
    b"ID3": "an MP3 file",
    b"FORM": "an AIFF file",
    b"\x1a\x45\xdf\xa3": "a WebM file",
}
#: Rates of frames of layer III, in kbit/s, by the index in their header, for MPEG-1 and for MPEG-2 and 2.5.
_MP3_KBITS: Final = (
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0),
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0),
)
#: Sampling rates in hertz by the version and the index in a header: MPEG-2.5, none, MPEG-2, MPEG-1.
_MP3_HZ: Final = ((11_025, 12_000, 8_000, 0), (0, 0, 0, 0), (22_050, 24_000, 16_000, 0), (44_100, 48_000, 32_000, 0))


@dataclass(slots=True)
class RawAudio:
    """Samples that wait to be made into frames.

    Attributes:
        samples: the samples.
        rate_hz: their rate.
        position: of the first sample that is left, in samples since the stream began.
        start: how many samples were taken.
    """

    samples: Samples
    rate_hz: int
    position: int
    start: int = 0

    @property
    def duration_ms(self) -> float:
        """The length of what is left, in milliseconds."""
        return (len(self.samples) - self.start) * 1000 / self.rate_hz

    @property
    def taken(self) -> bool:
        """Whether nothing is left."""
        return self.start >= len(self.samples)

    def take(self) -> AudioFrame:
        """The next frame, of at most `PART_MS`."""
        part = self.samples.part(self.start, max(1, self.rate_hz * PART_MS // 1000))
        pcm, damage = part.mono()
        frame = AudioFrame(pcm, self.rate_hz, self.position, damage=damage)
        self.start += len(part)
        self.position += len(part)
        return frame


class Chunks:
    """Checks the chunks of one stream, and joins samples that were cut in two.

    Args:
        rate_hz: the rate of raw audio; None if only frames are accepted.
        missing: what to do about raw audio without a rate, for messages.
    """

    def __init__(self, rate_hz: int | None, missing: str) -> None:
        self._rate_hz = rate_hz
        self._missing = missing
        self._position = 0
        self._begun = False
        #: The first byte of a sample whose second byte has not arrived.
        self._half = b""

    def check(self, chunk: object, giver: str) -> None:
        """Check a chunk; arguments and errors as for `admit`, and nothing is kept."""
        if not isinstance(chunk, AudioFrame) and (self._rate_hz is None or samples_in(chunk) is None):
            raise self._refused(chunk, giver, raw=samples_in(chunk) is not None)

    def admit(self, chunk: object, giver: str) -> AudioFrame | RawAudio:
        """A chunk, checked and copied, so that its owner may use the memory again.

        Args:
            chunk: what was passed.
            giver: who passed it, as the start of a sentence.

        Raises:
            SourceError: it is neither a frame nor samples that can be played, or its rate is not known.
        """
        if isinstance(chunk, AudioFrame):
            return chunk
        found = samples_in(chunk)
        if found is None or self._rate_hz is None:
            raise self._refused(chunk, giver, raw=found is not None)
        samples = self._joined(found) if isinstance(found, memoryview) else found
        if self._half and samples is found:
            raise SourceError(f"{giver} {type(chunk).__name__} after bytes that ended with half a sample")
        raw = RawAudio(samples, self._rate_hz, self._position)
        self._position += len(samples)
        return raw

    def rest(self) -> AudioFrame | None:
        """At the end: an empty frame that counts half a sample as lost, if one is left; otherwise None."""
        half, self._half = self._half, b""
        if not half or self._rate_hz is None:
            return None
        return AudioFrame(b"", self._rate_hz, self._position, damage=Damage(halved=1))

    def _joined(self, view: memoryview) -> Samples:
        data = self._half + view.tobytes()
        if not self._begun:
            check_not_a_file(data)
        self._begun = self._begun or bool(data)
        whole = len(data) - len(data) % SAMPLE_BYTES
        self._half = data[whole:]
        return Samples.of_pcm(data[:whole])

    def _refused(self, chunk: object, giver: str, *, raw: bool) -> SourceError:
        cure = "; expected " + (
            "an AudioFrame" if self._rate_hz is None else "an AudioFrame, bytes or an array of samples"
        )
        if raw:
            cure = f", whose rate is not known: {self._missing}"
        elif isinstance(chunk, str):
            cure += ". If it is base64, decode it first: base64.b64decode(text)"
        elif inspect.isawaitable(chunk):
            cure += ". Await it first"
        elif hasattr(chunk, "__float__"):
            cure += ". If it is one of many samples, pass them all in one array, for example array.array('f', samples)"
        discard(chunk)
        return SourceError(f"{giver} {type(chunk).__name__}{cure}")


def check_not_a_file(data: bytes) -> None:
    """Find out whether the first bytes of raw audio are those of a file, which would be heard as noise.

    Raises:
        SourceError: they are.
    """
    kind = next((what for start, what in _FILES.items() if data.startswith(start)), "")
    if data[4:8] == b"ftyp":
        kind = "an MP4 file"
    elif _begins_as_mp3(data):
        kind = "MP3"
    if kind and (kind != "a WAV file" or data[8:12] in {b"WAVE", b""}):
        raise SourceError(
            f"these bytes are {kind} and not raw samples: write them to a file and play its path, or ask their maker "
            "for raw PCM"
        )


def _begins_as_mp3(data: bytes) -> bool:
    """Whether two frames of MP3 (ISO/IEC 11172-3, layer III) follow one another, which samples do not do by chance."""
    if len(data) < 4 or data[0] != 0xFF or data[1] & 0xE6 != 0xE2:
        return False
    version = data[1] >> 3 & 3
    rate_hz, kbits = _MP3_HZ[version][data[2] >> 2 & 3], _MP3_KBITS[version != 3][data[2] >> 4]
    if not rate_hz or not kbits:
        return False
    size = (144_000 if version == 3 else 72_000) * kbits // rate_hz + (data[2] >> 1 & 1)
    return data[size : size + 2] == data[:2]
