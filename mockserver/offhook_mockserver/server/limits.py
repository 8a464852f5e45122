"""Limits of the mock's HTTP requests. Limits of WebSockets are in `doors/limits.py`."""

from __future__ import annotations

from typing import Final

#: The largest body of a request, in bytes.
MAX_BODY_BYTES: Final = 64 * 1024
MAX_HEADERS: Final = 64
MAX_HEADER_BYTES: Final = 16 * 1024
#: How long the body of a request may take to arrive.
BODY_TIMEOUT_S: Final = 10.0
#: A connection that completes no request is closed after this time at the earliest, and twice this time at the latest.
HEADER_TIMEOUT_S: Final = 10.0
