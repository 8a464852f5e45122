"""A clip: a piece of mono audio on a time axis, and what can be measured of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from offhook.arguments import (
    MOST_HZ,
    check_instance,
    check_number,
    check_path,
    check_seconds,
    check_text,
    check_whole,
    corrects_arguments,
)
from offhook.errors import ConfigError
from offhook.interfaces.frame import SAMPLE_BYTES, SILENCE_DBFS
from offhook.plugin.manager import Plugins
from offhook.testing.audio.chirp import marker_pcm, marker_places
from offhook.testing.audio.reading import read_source, read_wav
from offhook.testing.audio.spans import Span, joined
from offhook.wording import no_attribute, printable

if TYPE_CHECKING:
    import os

    from offhook.testing.audio.measures import Floats

#: pytest shows the line of the test, and none of ours.
__tracebackhide__: Final = True

#: Sound that is shorter than this is a click.
_LEAST_SOUND_S: Final = 0.03
#: Speech that is shorter than this is a noise, as for `offhook.SpeechDetector`.
_LEAST_SPEECH_S: Final = 0.06
#: A shorter pause belongs to the speech around it.
_PAUSE_S: Final = 0.3
#: Below this rate a step of a measure would have fewer than ten samples.
_LEAST_HZ: Final = 1_000


@dataclass(frozen=True, slots=True)
class Match:
    """Where a clip was found in another one.

    Attributes:
        at_s: when its first sample would be heard, on the time axis of the clip that was searched; this is before that
            clip's start if the beginning is cut off.
        correlation: how alike both are where it was found, from 0 to 1. Opus leaves 0.9 or more of speech.
        gain_db: how much louder it is than the original.
        covered: the share of its sound that was found, from 0 to 1.
    """

    at_s: float
    correlation: float
    gain_db: float
    covered: float


@corrects_arguments()
@dataclass(frozen=True, slots=True, repr=False)
class Clip:
    """A piece of mono audio on a time axis. What it measures needs ``offhook[audio]``.

    All times are in seconds on its time axis. A time that an argument names may be outside the clip.

    Args:
        pcm: signed 16-bit little-endian samples.
        rate_hz: their rate, in hertz: 1,000 to 768,000.
        starts_at_s: the time of the first sample.
        name: what messages call it, for example the name of its file.

    Raises:
        ConfigError: an argument is of the wrong type or out of range, or `pcm` has an odd number of bytes.
    """

    pcm: bytes
    rate_hz: int
    starts_at_s: float = 0.0
    name: str = ""

    def __post_init__(self) -> None:
        check_instance(self.pcm, "pcm", bytes, "bytes of signed 16-bit samples")
        if len(self.pcm) % SAMPLE_BYTES:
            raise ConfigError(f"pcm must be whole 16-bit samples, got {len(self.pcm)} bytes")
        check_whole(self.rate_hz, "rate_hz", least=_LEAST_HZ, most=MOST_HZ, unit="hertz")
        check_number(self.starts_at_s, "starts_at_s")
        check_text(self.name, "name", "greeting.wav")

    @classmethod
    def read(
        cls, what: str | os.PathLike[str], base: str | os.PathLike[str] | None = None, *, plugins: Plugins | None = None
    ) -> Clip:
        """Read an audio file, or what another source plays.

        Args:
            what: a path; with `plugins` also a spec with a colon, such as ``tone:440,2``, or a file of another format.
                Without `plugins`, only WAV files of 16-bit samples can be read.
            base: the folder of relative paths; the current one by default.
            plugins: what opens files and specs.

        Raises:
            SourceError: it cannot be read, has no end, or is longer than ten minutes.
            SpecError, MissingExtraError: no plugin has such a source.
            ConfigError: an argument is of the wrong type.
        """
        check_path(what, "what", "greeting.wav")
        if base is not None:
            check_path(base, "base", "tests/clips")
        if plugins is not None:
            check_instance(plugins, "plugins", Plugins, "offhook.plugin.Plugins", "Write Plugins.load()")
        path, pcm, rate_hz = read_wav(what, base) if plugins is None else read_source(what, base, plugins)
        return cls(pcm, rate_hz, name=path)

    def __repr__(self) -> str:
        name = f"{printable(self.name)!r}, " if self.name else ""
        start = f" from {self.starts_at_s:g} s on" if self.starts_at_s else ""
        return f"<Clip {name}{self.duration_s:.2f} s at {self.rate_hz} Hz{start}>"

    if not TYPE_CHECKING:  # so that type checkers still report a wrong name

        def __getattr__(self, name: str) -> object:
            raise no_attribute(self, name)

    @property
    def duration_s(self) -> float:
        """Its length."""
        return len(self.pcm) / (SAMPLE_BYTES * self.rate_hz)

    @property
    def ends_at_s(self) -> float:
        """The time after its last sample."""
        return self.starts_at_s + self.duration_s

    def part(self, from_s: float | None = None, to_s: float | None = None) -> Clip:
        """The part between two times, on the same time axis; None is the start or the end of the clip.

        Raises:
            ConfigError: an argument is not a number.
        """
        total = len(self.pcm) // SAMPLE_BYTES
        first = 0 if from_s is None else self._index(check_number(from_s, "from_s"))
        last = total if to_s is None else max(first, self._index(check_number(to_s, "to_s")))
        pcm = self.pcm[first * SAMPLE_BYTES : last * SAMPLE_BYTES]
        return Clip(pcm, self.rate_hz, self.starts_at_s + first / self.rate_hz, self.name)

    def resampled(self, rate_hz: int) -> Clip:
        """The same audio at another rate.

        Raises:
            ConfigError: `rate_hz` is not a whole number of hertz from 1,000 to 768,000.
        """
        from offhook.testing.audio import measures

        check_whole(rate_hz, "rate_hz", least=_LEAST_HZ, most=MOST_HZ, unit="hertz")
        samples = measures.converted(measures.samples_in(self.pcm), self.rate_hz, rate_hz)
        return Clip(measures.pcm_in(samples), rate_hz, self.starts_at_s, self.name)

    # Levels

    def level_dbfs(self, from_s: float | None = None, to_s: float | None = None) -> float:
        """The root-mean-square level of a part, in dB relative to full scale; -100 for silence or no samples.

        Raises:
            ConfigError: an argument is not a number.
        """
        from offhook.testing.audio import measures

        return measures.level_dbfs(measures.samples_in(self.part(from_s, to_s).pcm))

    def peak_dbfs(self) -> float:
        """The level of its largest sample, in dB relative to full scale; -100 for silence or no samples."""
        from offhook.testing.audio import measures

        peak = measures.peak_of(self.pcm)
        return 20 * math.log10(peak / 32768) if peak else SILENCE_DBFS

    def clipped_share(self) -> float:
        """The share of samples, from 0 to 1, that are within 0.5 dB of full scale: cut peaks, also behind Opus.

        Speech with all of its peaks has less than 0.001. A tone as loud as that has more, clipped or not.
        """
        from offhook.testing.audio import measures

        return measures.clipped_share(self.pcm)

    # What is in it, and when

    def sound(self, *, threshold_dbfs: float | None = None) -> tuple[Span, ...]:
        """The stretches of sound of 30 ms or more, to 10 ms.

        Args:
            threshold_dbfs: the level from which on it is sound. None for a threshold that follows from the clip:
                between its background and its loud parts, and never below -60 dBFS.

        Raises:
            ConfigError: `threshold_dbfs` is not a number from -100 to 0.
        """
        return tuple(self._loud(0.02, _LEAST_SOUND_S, threshold_dbfs))

    def speech(self, *, pause_s: float = _PAUSE_S, threshold_dbfs: float | None = None) -> tuple[Span, ...]:
        """The stretches of speech, to 10 ms: sound of 60 ms or more and the pauses in it. Every sound counts as speech.

        Args:
            pause_s: a pause of at most this length belongs to the speech around it.
            threshold_dbfs: as for `sound`.

        Raises:
            ConfigError: an argument is not a number, or out of range.
        """
        return tuple(self._loud(check_seconds(pause_s, "pause_s", zero=True), _LEAST_SPEECH_S, threshold_dbfs))

    def tones(self, hz: float, *, at_least_s: float = 0.05, share: float = 0.4) -> tuple[Span, ...]:
        """The stretches that hold a tone, to about 20 ms. Frequencies 50 Hz apart are told apart.

        Args:
            hz: the frequency.
            at_least_s: shorter ones are left out: a vowel may hold any tone for a moment.
            share: the share of the power that the tone has at least. Each of the two tones of a key has half.

        Raises:
            ConfigError: an argument is not a number, or out of range.
        """
        from offhook.testing.audio import measures

        check_number(hz, "hz", above=0, most=self.rate_hz / 2, unit="hertz")
        check_number(share, "share", above=0, most=1)
        check_seconds(at_least_s, "at_least_s", zero=True)
        parts = measures.tone_parts(measures.samples_in(self.pcm), self.rate_hz, hz, share)
        return tuple(span for span in self._spans(parts) if span.duration_s >= at_least_s)

    def markers(self) -> tuple[float, ...]:
        """The times at which markers begin (see `marker`), to a millisecond, also if Opus carried them."""
        from offhook.testing.audio import matching

        return tuple(self.starts_at_s + at / matching.RATE_HZ for at in marker_places(self._narrow()))

    def find(self, other: Clip) -> Match | None:
        """Where another clip is in this one: where most of it is, and the first such place. None if nowhere.

        Codecs, gains, other rates, lost frames and shifts of up to 60 ms by a jitter buffer do not hide it, and a part
        of it is found as well: see `Match.covered`.

        Raises:
            ConfigError: `other` is not a Clip.
        """
        from offhook.testing.audio import matching

        wanted = check_instance(other, "other", Clip, "a Clip")._narrow()
        place = matching.find(self._narrow(), wanted)
        if place is None:
            return None
        at_s = self.starts_at_s + place.at / matching.RATE_HZ
        return Match(at_s, place.correlation, place.gain_db, place.covered)

    def _narrow(self) -> Floats:
        from offhook.testing.audio import matching, measures

        return measures.converted(measures.samples_in(self.pcm), self.rate_hz, matching.RATE_HZ)

    def _loud(self, pause_s: float, least_s: float, threshold_dbfs: float | None) -> list[Span]:
        from offhook.testing.audio import measures

        if threshold_dbfs is not None:
            check_number(threshold_dbfs, "threshold_dbfs", least=SILENCE_DBFS, most=0, unit="dBFS")
        parts = measures.loud_parts(self.pcm, self.rate_hz, threshold_dbfs)
        # 1 ms more, because lengths are sums of steps of 10 ms that have no exact floats.
        return [span for span in joined(self._spans(parts), pause_s + 0.001) if span.duration_s >= least_s - 0.001]

    def _spans(self, parts: list[tuple[int, int]]) -> list[Span]:
        rate_hz = self.rate_hz
        return [Span(self.starts_at_s + first / rate_hz, self.starts_at_s + last / rate_hz) for first, last in parts]

    def _index(self, at_s: float) -> int:
        """The sample at a time, or the nearest one of the clip."""
        return max(0, min(len(self.pcm) // SAMPLE_BYTES, round((at_s - self.starts_at_s) * self.rate_hz)))


def marker(rate_hz: int) -> Clip:
    """A chirp of 0.2 s for exact delays: play it, and look for it with `Clip.markers` or `Heard.marker_times_s`.

    Raises:
        ConfigError: `rate_hz` is not a whole number of hertz from 8,000 to 768,000.
    """
    return Clip(marker_pcm(rate_hz), rate_hz, name="marker")
