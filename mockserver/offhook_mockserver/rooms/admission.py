"""Who may come into a room: the same questions, in the same order, with the same refusals, at every door."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook.errors import OffhookError
from offhook_wire.access_token import TokenInvalid
from offhook_wire.relay_protocol import Refusal

if TYPE_CHECKING:
    from offhook.secret import Secret
    from offhook_mockserver.rooms.room import Room
    from offhook_mockserver.rooms.rooms import Rooms
    from offhook_wire.access_token import AccessToken


class JoinRefused(OffhookError):
    """Somebody may not come in.

    Attributes:
        refusal: what a client is told.
        status: how HTTP says it.
    """

    code = "not_admitted"

    def __init__(self, status: int, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.status = status
        self.refusal = refusal


def check_may_join(
    rooms: Rooms, app_id: str, channel: str, token: Secret, uid: int, identity: int | str | None
) -> tuple[Room, AccessToken]:
    """The room that somebody may come into, and their token, verified.

    Args:
        rooms: the rooms there are.
        app_id, channel, token, uid: as the client gives them.
        identity: of a client that says it was in before, see `Reservation`; None for one that does not.

    Raises:
        NotAdmitted: they may not.
    """
    room = rooms.get(channel)
    if room is None:
        problem = (
            f"no channel {channel!r} is open here: the call is over, or nobody joined in time, or another "
            "mock started it. Dial again, and join where the grant comes from"
        )
        raise JoinRefused(404, Refusal("no_such_channel", problem))
    if room.app_id != app_id:
        raise JoinRefused(403, Refusal("app_id", f"channel {channel!r} belongs to another app id"))
    try:
        access = room.verify(token, uid)
    except TokenInvalid as error:
        raise JoinRefused(403, Refusal("token_rejected", str(error), reason=int(error.reason))) from None
    holder = room.holders.get(uid)
    if identity is not None and holder is not None and holder.identity != identity:
        raise JoinRefused(409, Refusal("replaced", f"somebody else has joined as uid {uid} meanwhile"))
    return room, access
