"""Resamplers: exact lengths, no noise, no aliases, little delay where it was promised."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import offhook_audio
from offhook.errors import ConfigError
from offhook.plugin.manager import DISABLE_VARIABLE, Plugins
from offhook_audio.resample_file import FileResampler
from offhook_audio.resample_live import LiveResampler

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from offhook.interfaces import Resampler

RATES_HZ = (8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000)
PAIRS = list(itertools.permutations(RATES_HZ, 2))
KINDS = [LiveResampler, FileResampler]
TASKS = Path("/proc/self/task")


def sine(frequency_hz: float, rate_hz: int, samples: int) -> bytes:
    wave = 16_000 * np.sin(2 * np.pi * frequency_hz * np.arange(samples) / rate_hz)
    pcm: bytes = np.rint(wave).astype("<i2").tobytes()
    return pcm


def run(resampler: Resampler, pcm: bytes, block: int) -> npt.NDArray[np.float64]:
    parts = [resampler.convert(pcm[at : at + 2 * block]) for at in range(0, len(pcm), 2 * block)]
    return np.frombuffer(b"".join([*parts, resampler.flush()]), "<i2").astype(np.float64)


def snr_db(samples: npt.NDArray[np.float64], frequency_hz: float, rate_hz: int) -> float:
    """Against the sine that fits best in phase with the original: delay counts as noise."""
    reference = np.sin(2 * np.pi * frequency_hz * np.arange(len(samples)) / rate_hz)
    inner = slice(rate_hz // 20, -rate_hz // 20)
    samples, reference = samples[inner], reference[inner]
    gain = (samples @ reference) / (reference @ reference)
    noise = samples - gain * reference
    assert gain == pytest.approx(16_000, rel=0.01)
    return float(10 * np.log10((samples @ samples) / (noise @ noise)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_the_length_is_exact_and_a_tone_stays_clean_and_in_place(
    kind: Callable[[int, int], Resampler], from_hz: int, to_hz: int
) -> None:
    samples = from_hz // 2 + 123
    converted = run(kind(from_hz, to_hz), sine(1_000, from_hz, samples), from_hz // 50)
    assert len(converted) == (2 * samples * to_hz + from_hz) // (2 * from_hz)
    assert snr_db(converted, 1_000, to_hz) > 80


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("from_hz", "to_hz"), [pair for pair in PAIRS if pair[0] > pair[1] * 1.15 / 0.99])
def test_nothing_above_nyquist_comes_through(kind: Callable[[int, int], Resampler], from_hz: int, to_hz: int) -> None:
    frequency_hz = to_hz / 2 * 1.15
    converted = run(kind(from_hz, to_hz), sine(frequency_hz, from_hz, from_hz // 2), from_hz // 50)
    inner = converted[to_hz // 20 : -to_hz // 20]
    assert np.sqrt(np.mean(inner**2)) < 16_000 / np.sqrt(2) / 1_000


@pytest.mark.parametrize("kind", KINDS)
def test_sixty_seconds_of_short_streams_add_up(kind: Callable[[int, int], Resampler]) -> None:
    pcm = sine(300, 44_100, 441)
    total = sum(len(run(kind(44_100, 48_000), pcm, 100)) for _ in range(50))
    assert total == 50 * 480


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("samples", [0, 1, 2, 3, 7, 50])
def test_very_short_streams(kind: Callable[[int, int], Resampler], samples: int) -> None:
    for from_hz, to_hz in PAIRS:
        converted = run(kind(from_hz, to_hz), sine(440, from_hz, samples), 3)
        assert len(converted) == (2 * samples * to_hz + from_hz) // (2 * from_hz)


@pytest.mark.parametrize("kind", KINDS)
def test_blocks_of_any_size_have_the_same_result(kind: Callable[[int, int], Resampler]) -> None:
    pcm = sine(700, 24_000, 6_001)
    whole = run(kind(24_000, 16_000), pcm, 6_001)
    for block in (1, 17, 480):
        assert np.abs(run(kind(24_000, 16_000), pcm, block) - whole).max() <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_silence_stays_digital_silence(kind: Callable[[int, int], Resampler]) -> None:
    assert not run(kind(16_000, 48_000), bytes(32_000), 320).any()


@pytest.mark.parametrize("kind", KINDS)
def test_full_scale_does_not_wrap_around(kind: Callable[[int, int], Resampler]) -> None:
    square = np.where(np.arange(1_600) // 40 % 2, 32_767, -32_768).astype("<i2").tobytes()
    converted = run(kind(16_000, 48_000), square, 320)
    plateaus = converted.reshape(-1, 120)[1:-1, 20:100]
    assert (np.abs(plateaus) > 28_000).all()
    assert (np.sign(plateaus) == np.sign(plateaus[:, :1])).all()


@pytest.mark.parametrize("kind", KINDS)
def test_equal_rates_pass_through(kind: Callable[[int, int], Resampler]) -> None:
    resampler = kind(16_000, 16_000)
    pcm = sine(440, 16_000, 320)
    assert resampler.convert(pcm) == pcm
    assert resampler.flush() == b""


@pytest.mark.parametrize("kind", KINDS)
def test_a_flushed_stream_is_over(kind: Callable[[int, int], Resampler]) -> None:
    resampler = kind(8_000, 16_000)
    assert resampler.convert(b"") == b""
    resampler.convert(bytes(320))
    assert resampler.flush()
    assert resampler.flush() == b""
    with pytest.raises(ValueError, match="new resampler"):
        resampler.convert(bytes(2))


@pytest.mark.parametrize("kind", KINDS)
def test_rates_are_positive(kind: Callable[[int, int], Resampler]) -> None:
    for rates, name in (((0, 8_000), "from_hz"), ((8_000, -1), "to_hz")):
        with pytest.raises(ConfigError, match=f"{name} must be between 1 and 768,000 hertz, got"):
            kind(*rates)


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_the_live_one_holds_back_16_samples_of_the_lower_rate(from_hz: int, to_hz: int) -> None:
    resampler = LiveResampler(from_hz, to_hz)
    taken = returned = 0
    for _ in range(20):
        taken += from_hz // 50
        returned += len(resampler.convert(sine(440, from_hz, from_hz // 50))) // 2
        assert taken / from_hz - returned / to_hz <= 17 / min(from_hz, to_hz)


@pytest.mark.skipif(not TASKS.is_dir(), reason="counts threads in /proc")
def test_resamplers_start_no_threads() -> None:
    before = len(list(TASKS.iterdir()))
    kept = [kind(16_000, 48_000) for kind in KINDS for _ in range(3)]
    for resampler in kept:
        resampler.convert(bytes(640))
    assert len(list(TASKS.iterdir())) == before


def test_the_core_gets_them_by_name() -> None:
    plugins = Plugins.load([offhook_audio], {DISABLE_VARIABLE: "audio"})
    assert isinstance(plugins.resampler("live", 8_000, 16_000), LiveResampler)
    assert isinstance(plugins.resampler("file", 8_000, 16_000), FileResampler)
