"""Audio for calls: files, tones and silence to play, files to record to, filters, and conversion between rates.

Sources ``wav``, ``tone``, ``silence`` and ``marker``; sinks ``recorder`` and ``null``; filters ``gain`` and ``limit``;
resamplers ``live`` and ``file``. Parts that need more than the standard library require ``offhook[audio]``, once they
are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.plugin import hookimpl

if TYPE_CHECKING:
    from offhook.interfaces import AudioFilter, AudioSink, AudioSource, Resampler
    from offhook.plugin import FilterRegistry, ResamplerRegistry, SinkRegistry, SourceRegistry

__all__ = ["offhook_audio_filter", "offhook_audio_sink", "offhook_audio_source", "offhook_resampler"]

_EXTRA: Final = "offhook[audio]"


@hookimpl
def offhook_audio_source(registry: SourceRegistry) -> None:
    registry.add(
        "wav",
        _wav,
        summary="an audio file (WAV, FLAC, Ogg, MP3): wav:greeting.wav",
        extra=_EXTRA,
        needs=("numpy", "soundfile", "offhook_audio.wav"),
    )
    registry.add(
        "tone",
        _tone,
        summary="a sine of a frequency (Hz), a duration (s) and a level (dBFS): tone:440,2.5,-20",
        needs=("offhook_audio.tone",),
    )
    registry.add(
        "silence",
        _silence,
        summary="silence, endless or for some seconds: silence:2.5",
        needs=("offhook_audio.silence",),
    )
    registry.add("marker", _marker, summary="a chirp of 0.2 s, to measure delays exactly")


@hookimpl
def offhook_audio_sink(registry: SinkRegistry) -> None:
    registry.add("recorder", _recorder, summary="a WAV file that is valid at any moment: recorder:heard.wav")
    registry.add("null", _null, summary="discards audio")


@hookimpl
def offhook_audio_filter(registry: FilterRegistry) -> None:
    registry.add("gain", _gain, summary="louder or softer by a number of dB: gain:-6")
    registry.add("limit", _limit, summary="cuts off peaks above a level in dBFS: limit:-3")


@hookimpl
def offhook_resampler(registry: ResamplerRegistry) -> None:
    registry.add(
        "live",
        _live,
        summary="little delay (1 to 2 ms), by PyAV",
        extra=_EXTRA,
        needs=("av", "offhook_audio.resample_live"),
    )
    registry.add(
        "file",
        _file,
        summary="best quality, by soxr HQ",
        extra=_EXTRA,
        needs=("numpy", "soxr", "offhook_audio.resample_file"),
    )


def _wav(argument: str) -> AudioSource:
    from offhook_audio.wav import WavSource

    return WavSource(argument)


def _tone(argument: str) -> AudioSource:
    from offhook_audio.tone import ToneSource

    return ToneSource.parse(argument)


def _silence(argument: str) -> AudioSource:
    from offhook_audio.silence import SilenceSource

    return SilenceSource.parse(argument)


def _marker(argument: str) -> AudioSource:
    from offhook_audio.marker import MarkerSource

    return MarkerSource(argument)


def _recorder(argument: str) -> AudioSink:
    from offhook_audio.recorder import RecorderSink

    return RecorderSink(argument)


def _null(argument: str) -> AudioSink:
    from offhook_audio.null import NullSink

    return NullSink(argument)


def _gain(argument: str, rate_hz: int) -> AudioFilter:
    from offhook_audio.gain import GainFilter

    return GainFilter.parse(argument)


def _limit(argument: str, rate_hz: int) -> AudioFilter:
    from offhook_audio.limit import LimitFilter

    return LimitFilter.parse(argument)


def _live(from_hz: int, to_hz: int) -> Resampler:
    from offhook_audio.resample_live import LiveResampler

    return LiveResampler(from_hz, to_hz)


def _file(from_hz: int, to_hz: int) -> Resampler:
    from offhook_audio.resample_file import FileResampler

    return FileResampler(from_hz, to_hz)
