"""Limits of the mock's HTTP requests and WebSockets. `doors/outbox.py` limits what may wait for a slow client."""

from __future__ import annotations

from typing import Final

#: The largest body of a request, and the largest message of a WebSocket, in bytes.
MAX_BODY_BYTES: Final = 64 * 1024
MAX_HEADERS: Final = 64
MAX_HEADER_BYTES: Final = 16 * 1024
#: How long the body of a request may take to arrive.
BODY_TIMEOUT_S: Final = 10.0
#: A connection that completes no request for this long, or twice this long at most, is closed.
HEADER_TIMEOUT_S: Final = 10.0

#: A WebSocket is pinged at this interval, and closed when nothing has arrived for `SILENCE_S`.
PING_INTERVAL_S: Final = 2.0
SILENCE_S: Final = 7.0
#: How long a WebSocket that is not served any more has to close in good order.
LINGER_S: Final = 1.0
