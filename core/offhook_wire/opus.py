"""Opus for speech: 20 ms frames of mono PCM in and out, at the application's rate, inline on the event loop.

Three backends, the first available one is used: the libopus inside the PyAV wheel, called directly; the system's
libopus; PyAV itself, which only decodes to 48 kHz, so that its frames pass PyAV's resampler (1 ms more delay).
"""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, Final

from offhook.interfaces import OPUS_RATES_HZ, SAMPLE_BYTES, samples_per_frame
from offhook_wire.opus_backend import DecoderState, EncoderState, OpusBackend, OpusError

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

_log = logging.getLogger(__name__)

#: The default effort. From 5 on, libopus looks for the pitch, which takes a third of an encoder's time; at 16 kHz, the
#: signal-to-noise ratio of speech is the same without. 0 would spread clicks over a whole frame.
COMPLEXITY: Final = 1
#: A packet of at most this many bytes may be digital silence.
_SILENT_BYTES: Final = 3
#: First bytes of packets of CELT, the only mode of Opus whose state does not change any more while nothing is heard.
_FIRST_CELT: Final = 0x80
#: After this many equal packets of silence, an encoder and a decoder do not change any more until there is a sound.
_SETTLED: Final = 8


@functools.cache
def default_backend() -> OpusBackend:
    """The best backend of this machine; chosen once and logged.

    Raises:
        OpusError: neither PyAV nor libopus is installed.
    """
    from offhook_wire.opus_libopus import find_libopus

    backend: OpusBackend | None = find_libopus()
    if backend is None:
        try:
            from offhook_wire.opus_av import AvBackend
        except ImportError as error:
            raise OpusError('no Opus codec is installed: pip install "offhook[aiortc]"') from error
        backend = AvBackend()
    _log.info("Opus is %s", backend.name)
    return backend


class OpusEncoder:
    """Encodes 20 ms frames.

    Digital silence costs libopus several times as much as speech (its filters compute with numbers close to zero), and
    is the most frequent frame of a call. So when silence has become the same packet again and again, that packet is
    returned, and libopus is not called until there is a sound.

    Args:
        rate_hz: rate of the PCM: 8, 12, 16, 24 or 48 kHz.
        bitrate_bps: target of the variable bit rate.
        complexity: 0 to 10. It determines most of a call's CPU time: 1 costs about a sixth of 10.
        backend: the codec to use instead of `default_backend`.

    Raises:
        ValueError: a rate that Opus does not have, or a complexity out of range.
    """

    def __init__(
        self,
        rate_hz: int,
        bitrate_bps: int = 32_000,
        complexity: int = COMPLEXITY,
        *,
        backend: OpusBackend | None = None,
    ) -> None:
        _check_rate(rate_hz)
        if not 0 <= complexity <= 10:
            raise ValueError(f"complexity must be from 0 to 10, got {complexity}")
        self.rate_hz = rate_hz
        self._frame_bytes = samples_per_frame(rate_hz) * SAMPLE_BYTES
        self._silence = bytes(self._frame_bytes)
        #: The last packet of silence, and how many times in a row it was the same.
        self._silent = b""
        self._same = 0
        self._state: EncoderState | None = (backend or default_backend()).encoder(rate_hz, bitrate_bps, complexity)

    def encode(self, pcm: bytes) -> bytes:
        """Return one Opus packet for up to 20 ms of mono PCM; a shorter frame is filled with silence.

        Raises:
            ValueError: more than 20 ms, half a sample, or the encoder is closed.
        """
        if self._state is None:
            raise ValueError("the encoder is closed")
        if len(pcm) != self._frame_bytes:
            if len(pcm) > self._frame_bytes or len(pcm) % SAMPLE_BYTES:
                raise ValueError(
                    f"a frame must be at most 20 ms of 16-bit mono at {self.rate_hz} Hz ({self._frame_bytes} bytes),"
                    f" got {len(pcm)} bytes"
                )
            pcm = pcm.ljust(self._frame_bytes, b"\0")
        if pcm == self._silence:
            return self._encode_silence(self._state)
        self._same = 0
        return self._state.encode(pcm)

    def _encode_silence(self, state: EncoderState) -> bytes:
        if self._same == _SETTLED:
            return self._silent
        packet = state.encode(self._silence)
        self._same = self._same + 1 if packet == self._silent and _may_be_silent(packet) else 0
        self._silent = packet
        return packet

    def close(self) -> None:
        """Free the codec. Idempotent."""
        if self._state is not None:
            self._state.close()
            self._state = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class OpusDecoder:
    """Decodes and conceals. The same decoder must do both: concealment continues what it decoded last.

    A packet of silence that comes again and again is no longer decoded, which would change nothing.

    Args:
        rate_hz: rate of the PCM: 8, 12, 16, 24 or 48 kHz, independent of the sender's.
        backend: the codec to use instead of `default_backend`.

    Attributes:
        errors: payloads that were not valid Opus; each was concealed.

    Raises:
        ValueError: a rate that Opus does not have.
    """

    def __init__(self, rate_hz: int, *, backend: OpusBackend | None = None) -> None:
        _check_rate(rate_hz)
        self.rate_hz = rate_hz
        self.errors: int = 0
        self._silence = bytes(samples_per_frame(rate_hz) * SAMPLE_BYTES)
        #: The last packet that became silence, what it became, and how many times in a row it did.
        self._silent = b""
        self._silent_pcm = b""
        self._same = 0
        self._state: DecoderState | None = (backend or default_backend()).decoder(rate_hz)

    def decode(self, payload: bytes) -> bytes:
        """Return the PCM of one packet, 2.5 to 120 ms. An invalid payload is counted and concealed, and does not raise.

        Raises:
            ValueError: the decoder is closed.
        """
        if self._state is None:
            raise ValueError("the decoder is closed")
        if len(payload) > _SILENT_BYTES:
            self._same = 0
        elif self._same == _SETTLED and payload == self._silent:
            return self._silent_pcm
        if payload:
            try:
                pcm = self._state.decode(payload)
            except OpusError:
                pass
            else:
                if len(payload) <= _SILENT_BYTES:
                    self._look_if_silent(payload, pcm)
                return pcm
        self.errors += 1
        return self.conceal()

    def _look_if_silent(self, payload: bytes, pcm: bytes) -> None:
        silent = _may_be_silent(payload) and not any(pcm)
        self._same = self._same + 1 if silent and payload == self._silent else 0
        self._silent, self._silent_pcm = payload, pcm

    def conceal(self) -> bytes:
        """Return 20 ms in place of a lost packet.

        Raises:
            ValueError: the decoder is closed.
        """
        if self._state is None:
            raise ValueError("the decoder is closed")
        self._same = 0
        try:
            return self._state.decode(None)
        except OpusError:
            return self._silence

    def close(self) -> None:
        """Free the codec. Idempotent."""
        if self._state is not None:
            self._state.close()
            self._state = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _may_be_silent(packet: bytes) -> bool:
    return len(packet) <= _SILENT_BYTES and packet[0] >= _FIRST_CELT


def _check_rate(rate_hz: int) -> None:
    if rate_hz not in OPUS_RATES_HZ:
        raise ValueError(f"rate_hz must be one of {', '.join(map(str, OPUS_RATES_HZ))}, got {rate_hz}")
