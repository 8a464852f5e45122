"""What the clients of every door have in common: a WebSocket that ends politely, and a token that can be renewed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from offhook_wire.access_token import TokenInvalid
from offhook_wire.relay_protocol import RenewalRefused, Renewed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from starlette.websockets import WebSocket

    from offhook.secret import Secret
    from offhook_mockserver.doors.outbox import Outbox
    from offhook_mockserver.rooms.room import Room
    from offhook_mockserver.rooms.token_life import TokenLife


#: How long a client that is out of the room may take to read its last messages, in seconds.
FAREWELL_S: Final = 0.5


async def serve(
    websocket: WebSocket, outbox: Outbox, listening: Coroutine[object, object, None], over: asyncio.Event
) -> None:
    """Send and receive until `over` is set, then wait up to `FAREWELL_S` for the client to read its last messages.

    Args:
        websocket: the accepted WebSocket.
        outbox: the messages to send.
        listening: receives messages; it is cancelled at the end.
        over: set when the client is out of the room, or its WebSocket is lost.
    """
    tasks = (asyncio.create_task(outbox.pump(websocket)), asyncio.create_task(listening))
    try:
        await over.wait()
        await asyncio.wait(tasks, timeout=FAREWELL_S)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def let_in(room: Room, held: Callable[[], bool], receive: Callable[[], Awaitable[object]]) -> bool:
    """Wait while a fault holds a client's join.

    Args:
        room: the room that it asks to join.
        held: as `RoomFaults.hold_join` returned it.
        receive: returns the next message of the client, which sends none before it has an answer.

    Returns:
        Whether it may join now; False if it has disconnected, or did not wait.
    """
    waiting = asyncio.ensure_future(room.until_let_in(held))
    leaving = asyncio.ensure_future(receive())
    try:
        await asyncio.wait((waiting, leaving), return_when=asyncio.FIRST_COMPLETED)
        return waiting.done()
    finally:
        waiting.cancel()
        leaving.cancel()
        await asyncio.wait((waiting, leaving))


def renew(token: Secret, room: Room, uid: int, life: TokenLife) -> Renewed | RenewalRefused:
    """Verify a member's fresh token and, if it is valid, count its life; returns the answer to the client."""
    try:
        access = room.verify_renewal(token, uid)
    except TokenInvalid as error:
        return RenewalRefused(int(error.reason), str(error))
    life.verified(access)
    return Renewed()
