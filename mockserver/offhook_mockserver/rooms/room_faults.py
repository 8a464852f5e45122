"""What faults of a test do in a room. Rooms and doors know only this; the faults themselves belong to a tenant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook_mockserver.rooms.client_path import ClientPath


class RoomFaults(Protocol):
    """The faults of one room."""

    def hold_join(self) -> Callable[[], bool] | None:
        """Called when a client asks to join.

        Returns:
            None if it may; else a function that returns whether its join is still held.
        """
        ...

    def refuses_renewal(self) -> bool:
        """Whether the fresh token that a member sends now is refused."""
        ...

    def entered(self, uid: int, path: ClientPath) -> None:
        """A client has joined as `uid`, over this path."""
        ...

    def left(self, path: ClientPath) -> None:
        """The client of this path has left. Idempotent."""
        ...


class NoFaults:
    """A room without faults."""

    def hold_join(self) -> Callable[[], bool] | None:
        return None

    def refuses_renewal(self) -> bool:
        return False

    def entered(self, uid: int, path: ClientPath) -> None:
        pass

    def left(self, path: ClientPath) -> None:
        pass
