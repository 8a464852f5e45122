"""Limits of a client's WebSocket, at every door. Limits of connections and of HTTP are in `server/limits.py`."""

from __future__ import annotations

from typing import Final

from offhook.interfaces import frames_in

#: The largest message that a client may send, in bytes.
MAX_MESSAGE_BYTES: Final = 64 * 1024
#: Frames that one message may arrive in, control frames between them included.
MAX_PIECES: Final = 64
#: A WebSocket is pinged at this interval, and closed when nothing has arrived for `SILENCE_S`.
PING_INTERVAL_S: Final = 2.0
SILENCE_S: Final = 7.0
#: How long a WebSocket that is not served any more has to close in good order.
LINGER_S: Final = 1.0
#: Clients of one door that may be joining at once; more are refused.
MOST_JOINING: Final = 64
#: Texts that may wait; a client that is further behind can no longer know the state of the room.
MOST_TEXTS: Final = 256
#: Audio messages that may wait: 2 s of one talker. More would only delay what the client hears.
MOST_AUDIO: Final = frames_in(2.0)
#: A leg of the door in memory notices a cut of its network at once.
DETECT_S: Final = 0.0
