"""A request to every operation of both OpenAPI documents, and a client that sends any bytes over a real socket."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tests.mockserver.faces.control.control_client import wav

from offhook_mockserver.server import control_openapi, sendblue_openapi

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: The values of parameters in paths, where nothing is known of them but that they are text.
_PARAMETERS: Final[Mapping[str, str]] = {
    "tenant": "default",
    "number": "+14155550155",
    "phone_number": "+14155550155",
    "line": "+18885550199",
    "name": "a.wav",
    "channel": "ft_call_0",
}
#: Values of fields of bodies for which the schema alone says too little.
_FIELDS: Final[Mapping[str, object]] = {
    "fromNumber": "+18885550199",
    "from_number": "+18885550199",
    "sendblue_number": "+18885550199",
}
#: Whole bodies, likewise.
_BODIES: Final[Mapping[str, object]] = {
    "POST /mock/v1/tenants/{tenant}/faults": {"name": "status", "arguments": {"code": 503}},
    "POST /mock/v1/tenants/{tenant}/clock": {"advance_s": 60},
    "POST /mock/v1/tenants/{tenant}/messages": {"from_number": "+14155550155", "content": "hello"},
    "POST /mock/v1/tenants/{tenant}/typing": {"from_number": "+14155550155"},
    "PUT /mock/v1/tenants/{tenant}/callees/{number}": {"steps": [{"do": "answer"}]},
    "POST /api/send-message": {"number": "+14155550155", "from_number": "+18885550199", "content": "hello"},
    "POST /api/v2/contacts": {"number": "+14155550155"},
}


@dataclass(frozen=True, slots=True)
class Sample:
    """A request to an operation, without credentials.

    Attributes:
        operation: its name, ``METHOD /path/{parameter}``.
        method, target, body, media_type: what is sent; `media_type` is "" if there is no body.
        streams: whether the answer has no end.
    """

    operation: str
    method: str
    target: str
    body: bytes
    media_type: str
    streams: bool = False

    @property
    def is_control(self) -> bool:
        """Whether it is for the control API."""
        return f"{self.target}/".startswith("/mock/v1/")

    @property
    def is_open(self) -> bool:
        """Whether it needs no credentials, since every mock answers the same."""
        return self.operation in {"GET /mock/v1", "GET /mock/v1/openapi.json"}


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What a server has answered.

    Attributes:
        status, body: as they are.
        headers: with names in lower case.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


async def ask(port: int, method: str, target: str, headers: Mapping[str, str | bytes], body: bytes = b"") -> HttpAnswer:
    """Send a request on a connection of its own, with exactly these headers and what frames it; returns the answer.

    The Host header is the server's own unless `headers` has one.
    """
    fields: dict[str, str | bytes] = {"host": f"127.0.0.1:{port}", "connection": "close", **headers}
    if body:
        fields["content-length"] = str(len(body))
    lines = [f"{method} {target} HTTP/1.1".encode("latin-1")]
    for name, value in fields.items():
        lines.append(name.encode() + b": " + (value if isinstance(value, bytes) else value.encode("latin-1")))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"\r\n".join([*lines, b"", b""]) + body)
        head = await reader.readuntil(b"\r\n\r\n")
        first, *rest = head.decode("latin-1").split("\r\n")
        answered = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest if line)}
        length = int(answered.get("content-length", "0")) if method != "HEAD" else 0
        return HttpAnswer(int(first.split(" ")[1]), answered, await reader.readexactly(length))
    finally:
        writer.close()
        await writer.wait_closed()


def samples() -> list[Sample]:
    """A request to every operation of both documents."""
    return [sample for document in (sendblue_openapi(), control_openapi()) for sample in _of(document)]


def _of(document: Mapping[str, Any]) -> Iterator[Sample]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            name = f"{method.upper()} {path}"
            parameters = operation.get("parameters", [])
            in_path = {each["name"]: _PARAMETERS.get(each["name"], "x1") for each in parameters if each["in"] == "path"}
            query = "&".join(
                f"{each['name']}=%2B14155550155" for each in parameters if each["in"] == "query" and each["required"]
            )
            target = path.format(**in_path).replace("+", "%2B") + (f"?{query}" if query else "")
            contents: Mapping[str, Any] = operation.get("requestBody", {}).get("content", {"": {}})
            media_type, content = next(iter(contents.items()))
            body = b""
            if media_type == "application/json":
                value = _BODIES[name] if name in _BODIES else _example(content["schema"], document)
                body = json.dumps(value).encode()
            elif media_type:
                body = wav(0.01)
            streams = "text/event-stream" in str(operation["responses"])
            yield Sample(name, method.upper(), target, body, media_type, streams)


def _example(schema: Mapping[str, Any], document: Mapping[str, Any], name: str = "") -> object:
    """A value that a schema allows, as far as tests need it."""
    if "$ref" in schema:
        found: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        return _example(found, document, name)
    if name in _FIELDS:
        return _FIELDS[name]
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return _example(schema[choice][0], document, name)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            properties = schema.get("properties", {})
            return {each: _example(properties[each], document, each) for each in schema.get("required", [])}
        case "array":
            return [_example(schema.get("items", {}), document)]
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
        case _:
            return "http://127.0.0.1:9/x" if "http" in schema.get("pattern", "") else "+14155550155"
