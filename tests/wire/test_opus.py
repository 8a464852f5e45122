"""Opus at every rate through each backend: it carries sound, conceals, and survives garbage."""

from __future__ import annotations

import ctypes.util
import importlib.metadata
import math
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.interfaces.frame import OPUS_RATES_HZ, level_dbfs, samples_of
from offhook_wire import opus_libopus
from offhook_wire.opus import OpusDecoder, OpusEncoder, default_backend
from offhook_wire.opus_av import AvBackend
from offhook_wire.opus_backend import DecoderState, EncoderState, OpusBackend, OpusError


def the_wheels_libopus() -> OpusBackend:
    backend = opus_libopus.find_libopus()
    assert backend is not None, "the PyAV wheel brings libopus"
    return backend


BACKENDS = [pytest.param(the_wheels_libopus(), id="libopus"), pytest.param(AvBackend(), id="PyAV")]
each_backend = pytest.mark.parametrize("backend", BACKENDS)
each_rate = pytest.mark.parametrize("rate_hz", OPUS_RATES_HZ)


def tone(index: int, rate_hz: int, hertz: float = 440) -> bytes:
    count = rate_hz // 50
    start = index * count
    return array(
        "h", [round(8000 * math.sin(2 * math.pi * hertz * (start + n) / rate_hz)) for n in range(count)]
    ).tobytes()


def strength(pcm: bytes, rate_hz: int, hertz: float) -> float:
    """Share of the energy at one frequency (Goertzel)."""
    samples = samples_of(pcm)
    turn = 2 * math.cos(2 * math.pi * hertz / rate_hz)
    before = last = 0.0
    for sample in samples:
        before, last = last, sample + turn * last - before
    power = before**2 + last**2 - turn * before * last
    return 2 * power / len(samples) / max(1, sum(sample * sample for sample in samples))


@each_rate
@each_backend
def test_a_tone_survives_encoding_and_decoding(backend: OpusBackend, rate_hz: int) -> None:
    with OpusEncoder(rate_hz, backend=backend) as encoder, OpusDecoder(rate_hz, backend=backend) as decoder:
        frames = [decoder.decode(encoder.encode(tone(index, rate_hz))) for index in range(50)]
    assert {len(frame) for frame in frames} == {rate_hz // 50 * 2}
    heard = b"".join(frames[10:])
    assert level_dbfs(heard) == pytest.approx(level_dbfs(tone(0, rate_hz)), abs=1.5)
    assert strength(heard, rate_hz, 440) > 0.95
    assert strength(heard, rate_hz, 1000) < 0.01
    assert decoder.errors == 0


@each_backend
@pytest.mark.parametrize("sent_hz", OPUS_RATES_HZ)
def test_the_rates_of_both_ends_need_not_agree(backend: OpusBackend, sent_hz: int) -> None:
    with OpusEncoder(sent_hz, backend=backend) as encoder, OpusDecoder(16_000, backend=backend) as decoder:
        heard = b"".join(decoder.decode(encoder.encode(tone(index, sent_hz))) for index in range(30))
    assert len(heard) == 30 * 640
    assert strength(heard[6400:], 16_000, 440) > 0.95


def test_the_two_backends_understand_each_other() -> None:
    libopus, through_av = the_wheels_libopus(), AvBackend()
    for one, other in ((libopus, through_av), (through_av, libopus)):
        with OpusEncoder(16_000, backend=one) as encoder, OpusDecoder(16_000, backend=other) as decoder:
            heard = b"".join(decoder.decode(encoder.encode(tone(index, 16_000))) for index in range(30))
        assert strength(heard[6400:], 16_000, 440) > 0.95


@each_rate
@each_backend
def test_a_lost_frame_is_concealed_with_sound_and_what_follows_is_unharmed(backend: OpusBackend, rate_hz: int) -> None:
    with OpusEncoder(rate_hz, backend=backend) as encoder, OpusDecoder(rate_hz, backend=backend) as decoder:
        frames: list[bytes] = []
        for index in range(40):
            payload = encoder.encode(tone(index, rate_hz))
            frames.append(decoder.conceal() if index == 20 else decoder.decode(payload))
    assert len(frames[20]) == rate_hz // 50 * 2
    assert level_dbfs(frames[20]) > level_dbfs(frames[19]) - 6, "not silence"
    assert strength(frames[20], rate_hz, 440) > 0.8
    assert strength(b"".join(frames[30:]), rate_hz, 440) > 0.9
    assert decoder.errors == 0


@each_backend
def test_long_loss_fades_and_never_fails(backend: OpusBackend) -> None:
    with OpusEncoder(16_000, backend=backend) as encoder, OpusDecoder(16_000, backend=backend) as decoder:
        for index in range(10):
            decoder.decode(encoder.encode(tone(index, 16_000)))
        concealed = [decoder.conceal() for _ in range(50)]
        assert {len(frame) for frame in concealed} == {640}
        assert level_dbfs(concealed[-1]) < level_dbfs(concealed[0]) - 10
        assert len(decoder.decode(encoder.encode(tone(10, 16_000)))) == 640


@each_rate
@each_backend
def test_concealment_before_anything_was_heard_is_quiet(backend: OpusBackend, rate_hz: int) -> None:
    with OpusDecoder(rate_hz, backend=backend) as decoder:
        frame = decoder.conceal()
    assert len(frame) == rate_hz // 50 * 2
    assert level_dbfs(frame) < -60


@each_backend
@pytest.mark.parametrize("garbage", [b"", b"\xff", b"\xff\xff\xff", b"\x03" + b"\xff" * 30, bytes(2000)])
def test_garbage_is_concealed_and_counted_and_the_next_frame_decodes(backend: OpusBackend, garbage: bytes) -> None:
    with OpusEncoder(16_000, backend=backend) as encoder, OpusDecoder(16_000, backend=backend) as decoder:
        for index in range(10):
            decoder.decode(encoder.encode(tone(index, 16_000)))
        assert len(decoder.decode(garbage)) % 2 == 0
        assert decoder.errors <= 1
        after = b"".join(decoder.decode(encoder.encode(tone(index, 16_000))) for index in range(10, 20))
    assert len(after) == 10 * 640
    assert strength(after[3200:], 16_000, 440) > 0.9


@each_backend
@settings(max_examples=60)
@given(payload=st.binary(max_size=60))
def test_no_payload_raises(backend: OpusBackend, payload: bytes) -> None:
    with OpusDecoder(16_000, backend=backend) as decoder:
        for _ in range(2):
            assert len(decoder.decode(payload)) % 2 == 0
        assert len(decoder.conceal()) == 640


@each_backend
def test_a_short_frame_is_filled_up_and_a_long_one_rejected(backend: OpusBackend) -> None:
    with OpusEncoder(16_000, backend=backend) as encoder, OpusDecoder(16_000, backend=backend) as decoder:
        assert len(decoder.decode(encoder.encode(tone(0, 16_000)[:100]))) == 640
        for pcm in (bytes(642), bytes(639)):
            with pytest.raises(ValueError, match="at most 20 ms"):
                encoder.encode(pcm)


class Counting:
    """A backend that counts the calls to its codecs."""

    def __init__(self, backend: OpusBackend) -> None:
        self._backend = backend
        self.name = backend.name
        self.encoded = 0
        self.decoded = 0

    def encoder(self, rate_hz: int, bitrate_bps: int, complexity: int) -> EncoderState:
        state = self._backend.encoder(rate_hz, bitrate_bps, complexity)
        encode = state.encode

        def counted(pcm: bytes) -> bytes:
            self.encoded += 1
            return encode(pcm)

        state.encode = counted  # type: ignore[method-assign]
        return state

    def decoder(self, rate_hz: int) -> DecoderState:
        state = self._backend.decoder(rate_hz)
        decode = state.decode

        def counted(payload: bytes | None) -> bytes:
            self.decoded += 1
            return decode(payload)

        state.decode = counted  # type: ignore[method-assign]
        return state


def with_a_pause(rate_hz: int) -> list[bytes]:
    """Two seconds of tones with two seconds of digital silence between them."""
    silence = bytes(rate_hz // 50 * 2)
    sound = [tone(index, rate_hz, 300 + 11 * index) for index in range(50)]
    return [*sound, *[silence] * 100, *sound]


@each_rate
@each_backend
def test_silence_is_neither_encoded_nor_decoded_for_long_and_what_follows_is_as_good(
    backend: OpusBackend, rate_hz: int
) -> None:
    frames, counting = with_a_pause(rate_hz), Counting(backend)
    with OpusEncoder(rate_hz, backend=counting) as encoder, OpusDecoder(rate_hz, backend=counting) as decoder:
        packets = [encoder.encode(pcm) for pcm in frames]
        heard = [decoder.decode(packet) for packet in packets]
    assert counting.encoded < 150
    assert counting.decoded < 150
    plain = backend.decoder(rate_hz)  # which decodes everything
    assert heard == [plain.decode(packet) for packet in packets]
    plain.close()
    assert {len(packet) for packet in packets[120:150]} == {3}
    assert not any(b"".join(heard[120:150]))
    assert level_dbfs(b"".join(heard[160:])) == pytest.approx(level_dbfs(b"".join(heard[10:50])), abs=0.5)


@each_backend
def test_concealment_and_sound_end_the_silence_that_is_not_decoded(backend: OpusBackend) -> None:
    counting, silence = Counting(backend), bytes(640)
    with OpusEncoder(16_000, backend=backend) as encoder, OpusDecoder(16_000, backend=counting) as decoder:
        still = [encoder.encode(silence) for _ in range(20)][-1]
        for _ in range(20):
            decoder.decode(still)
        settled = counting.decoded
        decoder.decode(still)
        assert counting.decoded == settled
        decoder.conceal()
        decoder.decode(still)
        assert counting.decoded == settled + 2
        for _ in range(20):
            decoder.decode(still)
        settled = counting.decoded
        decoder.decode(encoder.encode(tone(0, 16_000)))
        decoder.decode(still)
        assert counting.decoded == settled + 2


@each_backend
def test_silence_of_a_speech_codec_is_decoded(backend: OpusBackend) -> None:
    """SILK, which Opus uses for few bits a second, has a state that goes on in silence."""
    counting = Counting(backend)
    with OpusDecoder(16_000, backend=counting) as decoder:
        for _ in range(30):
            decoder.decode(b"\x08")
    assert counting.decoded == 30


@each_backend
def test_bit_rate_and_complexity_are_settings(backend: OpusBackend) -> None:
    sizes: list[int] = []
    for bitrate_bps in (8_000, 40_000):
        with OpusEncoder(16_000, bitrate_bps, 0, backend=backend) as encoder:
            sizes.append(sum(len(encoder.encode(tone(index, 16_000, 200 + 37 * index))) for index in range(50)))
    assert sizes[0] * 2 < sizes[1]


@pytest.mark.parametrize("rate_hz", [0, 11_025, 44_100])
def test_other_rates_are_rejected(rate_hz: int) -> None:
    with pytest.raises(ValueError, match=str(rate_hz)):
        OpusEncoder(rate_hz)
    with pytest.raises(ValueError, match=str(rate_hz)):
        OpusDecoder(rate_hz)
    with pytest.raises(ValueError, match="complexity"):
        OpusEncoder(16_000, complexity=11)


def test_closing_is_idempotent_and_final() -> None:
    encoder, decoder = OpusEncoder(16_000), OpusDecoder(16_000)
    for codec in (encoder, decoder):
        codec.close()
        codec.close()
    with pytest.raises(ValueError, match="closed"):
        encoder.encode(bytes(640))
    with pytest.raises(ValueError, match="closed"):
        decoder.decode(b"x")
    with pytest.raises(ValueError, match="closed"):
        decoder.conceal()


def test_the_wheels_libopus_is_preferred() -> None:
    assert "av.libs" in default_backend().name or ".dylibs" in default_backend().name


def test_without_libopus_pyav_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_files(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "files", no_files)
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: None)
    assert opus_libopus.find_libopus() is None
    default_backend.cache_clear()
    try:
        assert "PyAV" in default_backend().name
        with OpusEncoder(16_000) as encoder, OpusDecoder(16_000) as decoder:
            assert len(decoder.decode(encoder.encode(tone(0, 16_000)))) == 640
    finally:
        default_backend.cache_clear()


def test_a_file_that_is_not_libopus_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_files(name: str) -> list[importlib.metadata.PackagePath]:
        return []

    monkeypatch.setattr(importlib.metadata, "files", no_files)
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: "libc.so.6")
    assert opus_libopus.find_libopus() is None


def test_a_setting_that_libopus_refuses_is_an_error() -> None:
    with pytest.raises(OpusError, match="4002"):
        OpusEncoder(16_000, -5, backend=the_wheels_libopus())
