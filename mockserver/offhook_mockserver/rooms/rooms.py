"""All rooms of one mock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook_mockserver.rooms.room_error import RoomError

if TYPE_CHECKING:
    from offhook.interfaces import Clock, Ids
    from offhook.secret import Secret
    from offhook_mockserver.rooms.room import Room


class Rooms:
    """The open rooms, by channel. A room stays until it is closed, also while it is empty.

    Args:
        clock: the time.
        ids: random numbers.
        limit: how many may be open at once.

    A channel belongs to one application. For another application of this mock it does not exist, see `find`.
    """

    def __init__(self, clock: Clock, ids: Ids, *, limit: int = 1000) -> None:
        self._clock = clock
        self._ids = ids
        self._limit = limit
        self._rooms: dict[str, Room] = {}
        self._app_ids: set[str] = set()

    def __len__(self) -> int:
        return len(self._rooms)

    def create(
        self,
        channel: str,
        app_id: str,
        certificate: Secret,
        *,
        rate_hz: int = 16_000,
        lost_after_s: float = 10.0,
        clock: Clock | None = None,
        ids: Ids | None = None,
    ) -> Room:
        """Open a channel; for the arguments see `Room`. By default, it has the clock and the ids of the rooms.

        Raises:
            RoomError: the channel is open already, or the limit is reached.
        """
        from offhook_mockserver.rooms.room import Room  # a mock listens before it has any

        if channel in self._rooms:
            raise RoomError(f"channel {channel} is open already")
        if len(self._rooms) >= self._limit:
            raise RoomError(f"{self._limit} channels are open, which is the limit: close some")
        room = Room(
            channel,
            app_id,
            certificate,
            clock=clock or self._clock,
            ids=ids or self._ids,
            rate_hz=rate_hz,
            lost_after_s=lost_after_s,
        )
        self._rooms[channel] = room
        self._app_ids.add(app_id)
        return room

    def add_app_id(self, app_id: str) -> None:
        """Make an application known that has no channel yet. Idempotent."""
        self._app_ids.add(app_id)

    def forget_app_id(self, app_id: str) -> None:
        """Forget an application. Idempotent."""
        self._app_ids.discard(app_id)

    def knows(self, app_id: str) -> bool:
        """Whether this mock has the application."""
        return app_id in self._app_ids

    def find(self, app_id: str, channel: str) -> Room | None:
        """The open room of an application's channel, or None: also if another application has this channel."""
        room = self._rooms.get(channel)
        return room if room is not None and room.app_id == app_id else None

    def get(self, channel: str) -> Room | None:
        """The open room of a channel, or None."""
        return self._rooms.get(channel)

    def close(self, channel: str, reason: str = "channel closed") -> None:
        """Close a channel and remove all its members. Idempotent."""
        room = self._rooms.pop(channel, None)
        if room is not None:
            room.close(reason)

    def close_all(self, reason: str = "server stopped") -> None:
        """Close every channel."""
        for channel in tuple(self._rooms):
            self.close(channel, reason)
