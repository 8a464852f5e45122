"""Limits of the mock's connections and HTTP requests. Limits of WebSockets are in `doors/limits.py`."""

from __future__ import annotations

from typing import Final

#: Bytes that are read from one connection in one turn of the loop, and from all of them, so that a turn stays short:
#: 2 KiB hold at most 341 frames or chunks, which take about two milliseconds.
READ_BYTES: Final = 2048
BYTES_PER_TURN: Final = 4 * READ_BYTES
#: Bytes that a connection may read even in a turn in which the others have read `BYTES_PER_TURN`.
MIN_READ_BYTES: Final = 128
#: Connections with more to do that go on in one turn of the loop; the others wait for the next turns.
WAITING_PER_TURN: Final = 4
#: Connections that may be open at once, if the process may open that many files; more are answered with 503.
MAX_CONNECTIONS: Final = 1024
#: Connections that are accepted in one turn of the loop.
ACCEPTS_PER_TURN: Final = 16
#: How long no connection is accepted after the system has run out of file descriptors.
ACCEPT_PAUSE_S: Final = 0.5
#: A connection is cut when more than 64 KiB, asyncio's high-water mark, have been owed to its client for this long.
WRITE_TIMEOUT_S: Final = 10.0

#: How much a client may still send after its connection was refused, before it is cut.
MAX_DISCARDED_BYTES: Final = 64 * 1024
#: Requests in a row that a client may send without waiting for the answer to the previous one.
MAX_PIPELINED: Final = 16
#: The largest body of a request, in bytes.
MAX_BODY_BYTES: Final = 64 * 1024
#: Chunks that one body may consist of.
MAX_CHUNKS: Final = 256
MAX_HEADERS: Final = 64
MAX_HEADER_BYTES: Final = 16 * 1024
#: The longest line of a WebSocket's handshake, in bytes: the limit of the library that parses it.
MAX_HANDSHAKE_LINE_BYTES: Final = 8 * 1024
#: How long the body of a request may take to arrive.
BODY_TIMEOUT_S: Final = 10.0
#: A connection that completes no request is closed after this time at the earliest, and twice this time at the latest.
HEADER_TIMEOUT_S: Final = 10.0
