"""One request to the receiver of webhooks: an ASGI message, read within limits of size and time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from offhook_wire.strict_json import ProtocolError, load_object

if TYPE_CHECKING:
    from collections.abc import Mapping

Scope: TypeAlias = MutableMapping[str, object]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, object]]]
Send: TypeAlias = Callable[[MutableMapping[str, object]], Awaitable[None]]
Headers: TypeAlias = list[tuple[bytes, bytes]]

#: Headers of a request: how many, and how many bytes together.
MOST_HEADERS: Final = 100
MOST_HEADER_BYTES: Final = 32 * 1024
#: How deeply a body may be nested.
MOST_NESTED: Final = 32


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that is not taken, as it is answered."""

    status: int
    message: str
    headers: tuple[tuple[bytes, bytes], ...] = ()


def check_head(scope: Scope) -> Refused | None:
    """Return why a request is refused before anything else of it is looked at; None if it is not."""
    if scope.get("method") != "POST":
        return Refused(405, "webhooks are sent with POST", ((b"allow", b"POST"),))
    headers = headers_of(scope)
    if len(headers) > MOST_HEADERS or sum(len(name) + len(value) for name, value in headers) > MOST_HEADER_BYTES:
        return Refused(431, "the request has too many headers")
    return None


def check_kind(headers: Headers, most_bytes: int) -> Refused | None:
    """Return why a body is refused before it is read; None if it is to be read."""
    if _only(headers, b"content-type").partition(b";")[0].strip().lower() != b"application/json":
        return Refused(415, "the body must be JSON: send content-type: application/json")
    if _only(headers, b"content-encoding").lower() not in (b"", b"identity"):
        return Refused(415, "the body must not be compressed")
    length = _only(headers, b"content-length")
    if length.isdigit() and (len(length) > 12 or int(length) > most_bytes):
        return _too_long(most_bytes)
    return None


async def read_body(receive: Receive, most_bytes: int, timeout_s: float) -> bytes | Refused | None:
    """Read the body; returns None if the client has gone.

    Args:
        receive: the ASGI function.
        most_bytes: how long it may be.
        timeout_s: how long it may take.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                message = await receive()
                if message.get("type") != "http.request":
                    return None
                body += cast("bytes", message.get("body") or b"")
                if len(body) > most_bytes:
                    return _too_long(most_bytes)
                if not message.get("more_body"):
                    return bytes(body)
    except TimeoutError:
        return Refused(408, f"the body did not arrive within {timeout_s:g} s")


def object_in(body: bytes) -> dict[str, object] | Refused:
    """Return the JSON object in a body: one without names that occur twice, and not nested too deeply."""
    try:
        found = load_object(body)
    except ProtocolError:
        return Refused(400, "the body must be a JSON object, without a name that occurs twice")
    return found if _is_shallow(found) else Refused(400, f"the body is nested more than {MOST_NESTED} deep")


def headers_of(scope: Scope) -> Headers:
    """Return the headers of a request."""
    return list(cast("Headers", scope.get("headers") or ()))


async def answer(send: Send, status: int, body: bytes, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
    """Send a whole answer, as JSON."""
    fixed = ((b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": [*fixed, *headers]})
    await send({"type": "http.response.body", "body": body})


def _only(headers: Headers, wanted: bytes) -> bytes:
    """The value of a header; several values count as none that is known."""
    values = [value.strip() for name, value in headers if name.lower() == wanted]
    return values[0] if len(values) == 1 else b",".join(values)


def _too_long(most_bytes: int) -> Refused:
    return Refused(413, f"the body is longer than {most_bytes} bytes")


def _is_shallow(value: Mapping[str, object]) -> bool:
    level: list[object] = [value]
    for _ in range(MOST_NESTED):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return True
    return False


def _inside(value: object) -> list[object]:
    """What is in an object or a list, as far as it is an object or a list again."""
    inner: list[object] = []
    if isinstance(value, dict):
        inner = list(cast("dict[str, object]", value).values())
    elif isinstance(value, list):
        inner = cast("list[object]", value)
    return [item for item in inner if isinstance(item, dict | list)]
