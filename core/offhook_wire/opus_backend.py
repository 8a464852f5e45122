"""What an Opus backend must offer, and the limits of Opus packets."""

from __future__ import annotations

from typing import Final, Protocol

#: The largest Opus packet (RFC 6716, section 3.2.1), in bytes.
MAX_PACKET_BYTES: Final = 1275
#: The longest audio one packet can hold (RFC 6716, section 3.2.5), in milliseconds.
MAX_PACKET_MS: Final = 120


class OpusError(Exception):
    """libopus failed: an invalid payload, or a setting that it does not know."""


class EncoderState(Protocol):
    """One encoder of a backend."""

    def encode(self, pcm: bytes) -> bytes: ...

    def close(self) -> None: ...


class DecoderState(Protocol):
    """One decoder of a backend; `decode(None)` conceals one frame. Both methods may raise `OpusError`."""

    def decode(self, payload: bytes | None) -> bytes: ...

    def close(self) -> None: ...


class OpusBackend(Protocol):
    """Makes encoders and decoders."""

    @property
    def name(self) -> str:
        """For logs and ``offhook doctor``."""
        ...

    def encoder(self, rate_hz: int, bitrate_bps: int, complexity: int) -> EncoderState: ...

    def decoder(self, rate_hz: int) -> DecoderState: ...
