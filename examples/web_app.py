"""A web app that rings people on request and reports what happens: on this machine only, and only with the token."""

import asyncio
import contextlib
import json
import logging
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from offhook import Call, CallPolicy, OffhookError, Phone, Secret
from offhook.errors import CallStateError, CarrierError, ConfigError, DialRefused, StorageError, TransportError
from offhook.session import entry_document

GREETING = f"wav:{Path(__file__).with_name('greeting.wav')}"
POLICY = CallPolicy(ring_timeout_s=30, max_duration_s=300)
STATUS: dict[type[OffhookError], int] = {
    ConfigError: 422,
    CallStateError: 409,
    DialRefused: 409,
    CarrierError: 502,
    TransportError: 503,
    StorageError: 507,
}
BODY_BYTES = 200
CALLS_KEPT = 100  # calls that are over and can still be asked for


class Desk:
    """Owns the calls. It lives as long as the app, so a call goes on when the client that placed it goes away."""

    def __init__(self, phone: Phone, tasks: asyncio.TaskGroup, token: Secret) -> None:
        self.phone, self.tasks, self.token = phone, tasks, token
        self.calls: dict[str, Call] = {}

    async def place(self, number: str) -> Call:
        call = self.phone.dial(number)
        for old in [name for name, known in self.calls.items() if known.over][:-CALLS_KEPT]:
            del self.calls[old]
        self.calls[call.record.call_id] = call
        entered: asyncio.Future[OffhookError | None] = asyncio.get_running_loop().create_future()
        self.tasks.create_task(self._hold(call, entered))
        if error := await asyncio.shield(entered):
            raise error
        return call

    async def _hold(self, call: Call, entered: asyncio.Future[OffhookError | None]) -> None:
        try:
            async with call:
                entered.set_result(None)
                if await call.answered():
                    call.play(GREETING)
                await call.ended()
        except OffhookError as error:  # raised here, it would end all other tasks of the group
            if not entered.done():
                entered.set_result(error)
            else:
                logging.getLogger("web_app").warning("%s: %s", call.record.call_id, error.message)


def admitted(request: Request) -> Desk:
    """Check the token, so that strangers cannot ring people, and for JSON, which a form on another site cannot send."""
    desk: Desk = request.app.state.desk
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not desk.token.matches(token):  # compared in constant time
        raise HTTPException(401, headers={"www-authenticate": "Bearer"})
    content_type = request.headers.get("content-type", "").partition(";")[0].strip()
    if request.method == "POST" and content_type != "application/json":
        raise HTTPException(415, "send application/json")
    return desk


def wanted(request: Request) -> Call:
    call = admitted(request).calls.get(request.path_params["call_id"])
    if call is None:
        raise HTTPException(404, "there is no such call, or it was over long ago")
    return call


async def place(request: Request) -> Response:
    desk, body = admitted(request), b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES:
            raise HTTPException(413)
    try:
        number = str(json.loads(body)["to"])
    except (ValueError, KeyError, TypeError):
        raise HTTPException(400, 'send {"to": "+14155550123"}') from None
    call = await desk.place(number)
    return JSONResponse({"call_id": call.record.call_id}, 202)


async def hang_up(request: Request) -> Response:
    call = wanted(request)
    admitted(request).tasks.create_task(call.hang_up())  # not cut short when the client goes away
    return Response(status_code=202)


async def events(request: Request) -> Response:
    return StreamingResponse(told(wanted(request)), media_type="text/event-stream")


async def told(call: Call) -> AsyncIterator[str]:
    """Yield past entries, then new ones until the call is over. A slow client loses the oldest entries, counted."""
    past, coming = tuple(call.record.timeline), call.events()
    for entry in past:
        yield sent("timeline", entry_document(call.record.call_id, entry))
    async for entry in coming:
        yield sent("timeline", entry_document(call.record.call_id, entry))
    yield sent("end", {"disposition": call.record.disposition, "dropped": coming.dropped})


def sent(event: str, document: dict[str, object]) -> str:
    return f"event: {event}\ndata: {json.dumps(document)}\n\n"


def refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, OffhookError)
    status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 500)
    return JSONResponse({"code": error.code, "message": error.message}, status)


@contextlib.asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    token = Secret(os.environ.get("WEB_APP_TOKEN", ""))
    if len(token.reveal()) < 16:
        raise ConfigError("set WEB_APP_TOKEN to 16 characters or more that nobody can guess")
    # Exited from right to left: the phone hangs up all calls, within 15 s (17.5 s if the double-dial guard hangs), and
    # that ends the tasks.
    async with asyncio.TaskGroup() as tasks, Phone.from_env(policy=POLICY) as phone:
        app.state.desk = Desk(phone, tasks, token)
        yield


app = Starlette(
    routes=[
        Route("/calls", place, methods=["POST"]),
        Route("/calls/{call_id}/events", events),
        Route("/calls/{call_id}/hang-up", hang_up, methods=["POST"]),
    ],
    exception_handlers={OffhookError: refused},
    lifespan=lifespan,
)


class Server(uvicorn.Server):
    """Hangs up before it waits for open connections, so that the streams of the calls end by themselves."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await app.state.desk.phone.aclose()
        finally:
            await super().shutdown(sockets)


if __name__ == "__main__":  # on this machine only; uvicorn handles the signals, the phone does not
    port = int(os.environ.get("PORT", "8000"))
    Server(uvicorn.Config(app, host="127.0.0.1", port=port, timeout_graceful_shutdown=1)).run()
