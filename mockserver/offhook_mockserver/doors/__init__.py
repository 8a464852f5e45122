"""Ways into a room: each door turns the protocol of its clients, over a WebSocket or in memory, into a member."""

from __future__ import annotations
