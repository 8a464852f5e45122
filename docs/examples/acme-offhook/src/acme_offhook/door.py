"""Opens and closes a WebSocket to the PCM door of a mock. The protocol is in offhook's pcm-door.md."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from offhook.errors import JoinFailed, JoinTimeout, TokenRejected

if TYPE_CHECKING:
    from offhook.interfaces import Grant

RATE_HZ: Final = 16_000
_ATTEMPT_S: Final = 5.0
_GOODBYE_S: Final = 1.0
#: Codes after which another attempt is useless.
_FINAL: Final = frozenset({"malformed", "no_such_channel", "app_id", "replaced", "unavailable"})

# At DEBUG, websockets logs everything that is sent, including the token.
_log = logging.getLogger("acme_offhook.websockets")
_log.setLevel(logging.INFO)


class Refused(JoinFailed):
    """The door does not let us in, now or later."""


@dataclass(frozen=True, slots=True)
class Entrance:
    """We are in. `members` holds the others, and whether they publish; `place` is the secret to come back with."""

    websocket: ClientConnection
    uid: int
    place: str
    members: dict[int, bool]


async def enter(grant: Grant, silence_s: float, before: Entrance | None = None) -> Entrance:
    """Join, or come back after `before`. When it is cancelled, nothing is left behind.

    Raises:
        TokenRejected, Refused: the door refused.
        JoinFailed, JoinTimeout: the door cannot be reached, or is busy.
    """
    url = f"{grant.endpoint}/relay/pcm".replace("http", "ws", 1)
    try:
        async with asyncio.timeout(_ATTEMPT_S):
            websocket = await connect(
                url,
                proxy=None,
                compression=None,
                open_timeout=None,
                # A ping after half of the time; without an answer within the other half, the connection is lost.
                ping_interval=silence_s / 2,
                ping_timeout=silence_s / 2,
                close_timeout=0.5,
                max_size=65_536,
                logger=_log,
            )
            try:
                # No variable here holds the token: tools that report errors show variables.
                await websocket.send(_join(grant, before))
                return _welcomed(websocket, await websocket.recv())
            except BaseException:
                await say_goodbye(websocket)
                raise
    except TimeoutError:
        raise JoinTimeout(f"the door at {grant.endpoint} did not answer within {_ATTEMPT_S:g} s") from None
    except (OSError, WebSocketException) as error:
        raise JoinFailed(f"the door at {grant.endpoint} cannot be reached ({type(error).__name__})") from None


def _join(grant: Grant, before: Entrance | None) -> str:
    message: dict[str, object] = {"type": "join", "app_id": grant.app_id, "channel": grant.channel, "uid": grant.uid}
    if before is not None:
        message |= {"uid": before.uid, "rejoin": before.place}
    return json.dumps({**message, "token": grant.token.reveal()})


def _welcomed(websocket: ClientConnection, answer: str | bytes) -> Entrance:
    try:
        message = json.loads(answer)
        if message["type"] == "refused":
            raise _refusal(message)
        members = {int(member["uid"]): bool(member["published"]) for member in message["members"]}
        if message["rate_hz"] == RATE_HZ:
            return Entrance(websocket, int(message["uid"]), str(message["place"]), members)
    except (ValueError, KeyError, TypeError):
        pass
    raise Refused("what answers is no PCM door, or has another rate: is it a mock of this version?")


def _refusal(message: dict[str, object]) -> JoinFailed:
    text = f"the door refused us: {message['message']}"
    if isinstance(reason := message["reason"], int):
        return TokenRejected(text, reason)
    return Refused(text) if message["code"] in _FINAL else JoinFailed(text)


async def say_goodbye(websocket: ClientConnection) -> None:
    """Leave, so that the others know at once, and close. Bounded, even without a network."""
    try:
        async with asyncio.timeout(_GOODBYE_S):
            await websocket.send(json.dumps({"type": "leave"}))
            await websocket.wait_closed()
    except (TimeoutError, ConnectionClosed):
        pass
    finally:
        websocket.transport.abort()
