"""Ways into a room: each door turns the protocol of its clients into a member."""

from __future__ import annotations
