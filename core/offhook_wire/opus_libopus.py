"""libopus called directly through ctypes: any Opus rate, concealment, no threads, no resampler."""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib.metadata
import logging
from typing import TYPE_CHECKING, Any, Final

from offhook.interfaces import SAMPLE_BYTES, samples_per_frame
from offhook_wire.opus_backend import MAX_PACKET_BYTES, MAX_PACKET_MS, OpusError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_log = logging.getLogger(__name__)

# From opus_defines.h.
#: This mode keeps the audio faithful to the input. The mode VOIP would filter speech, and then a recording could not be
#: compared with what was sent.
_APPLICATION_AUDIO: Final = 2049
_SET_BITRATE: Final = 4002
_SET_COMPLEXITY: Final = 4010


def find_libopus() -> LibopusBackend | None:
    """Return the libopus of the PyAV wheel, else the system's, else None."""
    for path in _candidates():
        try:
            return LibopusBackend(path)
        except (OSError, AttributeError) as error:
            _log.debug("%s is not a usable libopus: %s", path, error)
    return None


def _candidates() -> Iterator[str]:
    try:
        files = importlib.metadata.files("av") or ()
    except Exception:  # it is not installed, or its list of files cannot be read
        files = ()
    for file in files:
        # The wheel's list of files is searched, because auditwheel and delocate put a hash into the name or the folder.
        if file.name.startswith(("libopus", "opus")) and any(part in file.name for part in (".so", ".dylib")):
            yield str(file.locate())
    system = ctypes.util.find_library("opus")
    if system is not None:
        yield system


class LibopusBackend:
    """A loaded libopus.

    Args:
        path: the file, or a name that the system's loader knows.

    Raises:
        OSError: it cannot be loaded.
        AttributeError: it is not libopus.
    """

    def __init__(self, path: str) -> None:
        library = ctypes.CDLL(path)
        pointer, number, int32 = ctypes.c_void_p, ctypes.c_int, ctypes.c_int32
        encoder_create, decoder_create = library.opus_encoder_create, library.opus_decoder_create
        encoder_create.argtypes, encoder_create.restype = [int32, number, number, pointer], pointer
        decoder_create.argtypes, decoder_create.restype = [int32, number, pointer], pointer
        encoder_ctl, encode, decode = library.opus_encoder_ctl, library.opus_encode, library.opus_decode
        encoder_ctl.argtypes = [pointer, number]  # variadic: the value follows the declared arguments
        encode.argtypes = [pointer, ctypes.c_char_p, number, pointer, int32]
        decode.argtypes = [pointer, ctypes.c_char_p, int32, pointer, number, number]
        encoder_destroy, decoder_destroy = library.opus_encoder_destroy, library.opus_decoder_destroy
        encoder_destroy.argtypes, encoder_destroy.restype = [pointer], None
        decoder_destroy.argtypes, decoder_destroy.restype = [pointer], None
        self.encoder_create: Callable[..., int | None] = encoder_create
        self.encoder_ctl: Callable[..., int] = encoder_ctl
        self.encode: Callable[..., int] = encode
        self.encoder_destroy: Callable[..., None] = encoder_destroy
        self.decoder_create: Callable[..., int | None] = decoder_create
        self.decode: Callable[..., int] = decode
        self.decoder_destroy: Callable[..., None] = decoder_destroy
        version = library.opus_get_version_string
        version.restype = ctypes.c_char_p
        self.name: str = f"{version().decode()} at {path}"

    def encoder(self, rate_hz: int, bitrate_bps: int, complexity: int) -> _Encoder:
        return _Encoder(self, rate_hz, bitrate_bps, complexity)

    def decoder(self, rate_hz: int) -> _Decoder:
        return _Decoder(self, rate_hz)


class _Encoder:
    def __init__(self, library: LibopusBackend, rate_hz: int, bitrate_bps: int, complexity: int) -> None:
        self._library = library
        # What is passed in each call is converted once, which ctypes would do each time.
        self._state: ctypes.c_void_p | None = ctypes.c_void_p(
            library.encoder_create(rate_hz, 1, _APPLICATION_AUDIO, None)
        )
        if not self._state.value:
            raise OpusError(f"libopus could not make an encoder at {rate_hz} Hz")
        self._samples = ctypes.c_int(samples_per_frame(rate_hz))
        self._packet: Any = ctypes.create_string_buffer(MAX_PACKET_BYTES)  # whose slices are bytes
        self._packet_at = ctypes.byref(self._packet)
        self._limit = ctypes.c_int32(MAX_PACKET_BYTES)
        self._encode = library.encode
        for request, value in ((_SET_BITRATE, bitrate_bps), (_SET_COMPLEXITY, complexity)):
            error = library.encoder_ctl(self._state, request, ctypes.c_int32(value))
            if error:
                self.close()
                raise OpusError(f"libopus rejected setting {request} = {value} (error {error})")

    def encode(self, pcm: bytes) -> bytes:
        size = self._encode(self._state, pcm, self._samples, self._packet_at, self._limit)
        if size < 0:
            raise OpusError(f"libopus could not encode (error {size})")
        packet: bytes = self._packet[:size]
        return packet

    def close(self) -> None:
        state, self._state = self._state, None
        if state is not None and state.value:
            self._library.encoder_destroy(state)

    def __del__(self) -> None:
        self.close()


class _Decoder:
    def __init__(self, library: LibopusBackend, rate_hz: int) -> None:
        self._library = library
        self._state: ctypes.c_void_p | None = ctypes.c_void_p(library.decoder_create(rate_hz, 1, None))
        if not self._state.value:
            raise OpusError(f"libopus could not make a decoder at {rate_hz} Hz")
        self._samples = ctypes.c_int(samples_per_frame(rate_hz))
        limit = rate_hz * MAX_PACKET_MS // 1000
        self._limit = ctypes.c_int(limit)
        self._pcm: Any = ctypes.create_string_buffer(limit * SAMPLE_BYTES)
        self._pcm_at = ctypes.byref(self._pcm)
        self._no_repair = ctypes.c_int(0)
        self._decode = library.decode

    def decode(self, payload: bytes | None) -> bytes:
        if payload is None:
            samples = self._decode(self._state, None, 0, self._pcm_at, self._samples, self._no_repair)
        else:
            samples = self._decode(self._state, payload, len(payload), self._pcm_at, self._limit, self._no_repair)
        if samples < 0:
            raise OpusError(f"libopus could not decode (error {samples})")
        pcm: bytes = self._pcm[: samples * SAMPLE_BYTES]
        return pcm

    def close(self) -> None:
        state, self._state = self._state, None
        if state is not None and state.value:
            self._library.decoder_destroy(state)

    def __del__(self) -> None:
        self.close()
