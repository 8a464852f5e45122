"""Why a room cannot be used."""

from __future__ import annotations

from offhook.errors import OffhookError


class RoomError(OffhookError):
    """A room cannot be opened or joined: its name is taken, too many are open, or it is closed or full."""

    code = "room"
