"""Who may join a room: every door makes the same checks, in the same order, with the same refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook.errors import OffhookError
from offhook.wording import quoted
from offhook_mockserver.rooms.room_error import RoomError
from offhook_wire.access_token import TokenInvalid
from offhook_wire.relay_protocol import Refusal

if TYPE_CHECKING:
    from offhook.secret import Secret
    from offhook_mockserver.rooms.room import Room
    from offhook_mockserver.rooms.rooms import Rooms
    from offhook_wire.access_token import AccessToken


class JoinRefused(OffhookError):
    """A client may not join.

    Attributes:
        refusal: what the client receives.
        status: the HTTP status.
    """

    code = "not_admitted"

    def __init__(self, status: int, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.status = status
        self.refusal = refusal


def check_may_join(
    rooms: Rooms, app_id: str, channel: str, token: Secret, uid: int, identity: int | str | None
) -> tuple[Room, AccessToken]:
    """Return the room that a client may join, and the verified token.

    Args:
        rooms: the open rooms.
        app_id, channel, token, uid: as the client sent them.
        identity: proves who a returning client is, see `Reservation`; None for a new client.

    Raises:
        JoinRefused: the client may not join.
    """
    # Unknown applications are refused first, so that no answer depends on what others have.
    if not rooms.knows(app_id):
        problem = f"this mock has no app id {quoted(app_id)}: join at the mock that issued the grant"
        raise JoinRefused(403, Refusal("app_id", problem))
    room = rooms.find(app_id, channel)
    if room is None:
        problem = (
            f"no channel {quoted(channel)} is open here: the call has ended, or no caller joined in time, or another "
            "mock started it. Dial again, and join at the mock that issued the grant"
        )
        raise JoinRefused(404, Refusal("no_such_channel", problem))
    try:
        access = room.verify(token, uid)
    except TokenInvalid as error:
        raise JoinRefused(403, Refusal("token_rejected", str(error), reason=int(error.reason))) from None
    reserved = room.reservations.get(uid)
    if identity is not None and reserved is not None and reserved.identity != identity:
        raise JoinRefused(409, Refusal("replaced", f"another client has joined as uid {uid} in the meantime"))
    try:
        room.check_space(uid)
    except RoomError as error:
        raise JoinRefused(503, Refusal("unavailable", error.message)) from None
    return room, access
