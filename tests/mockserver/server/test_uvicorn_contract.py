"""uvicorn still has every private name that the mock uses: one test for each, so that a failure names it."""

from __future__ import annotations

import ast
import asyncio
import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from uvicorn.protocols.http import h11_impl
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from offhook_mockserver.server import loop_server
from offhook_mockserver.server.bounded_io import BoundedIo
from offhook_mockserver.server.http_connection import BoundedConnection
from offhook_mockserver.server.incidents import CLIENTS_MISTAKES
from offhook_mockserver.server.loop_server import LoopServer
from offhook_mockserver.server.websocket_connection import RefusableWebSocket

if TYPE_CHECKING:
    from collections.abc import Iterator

BASES: dict[type, type] = {
    BoundedConnection: H11Protocol,
    RefusableWebSocket: WebSocketsSansIOProtocol,
    LoopServer: uvicorn.Server,
}
#: Attributes of instances that are ours, and not uvicorn's.
OWN_ATTRIBUTES = {
    "turnstile",
    "port",
    "address",
    "incidents",
    "_most_connections",
    "_acceptor",
    "_ticking",
    "_turnstile",
    "_parser",
}
#: What uvicorn sets later than in its constructors: when a connection is made, or when the server starts.
SET_LATER = {"transport", "lifespan"}


def names_taken(ours: type) -> Iterator[str]:
    """The members of ``self`` and ``super()`` that our class uses and does not define."""
    (tree,) = ast.parse(inspect.getsource(ours)).body
    assert isinstance(tree, ast.ClassDef)
    defined = set(vars(ours)) | set(vars(BoundedIo))
    used: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            match node.value:
                case ast.Name("self"):
                    used.add(node.attr)
                case ast.Call(ast.Name("super")):
                    used.add(node.attr)
                    defined.discard(node.attr)
                case _:
                    pass
    yield from sorted(used - defined - {"__init__"} - OWN_ATTRIBUTES)


def overridden(ours: type) -> list[str]:
    own = {name for name in vars(ours) if inspect.isfunction(vars(ours)[name]) and not name.startswith("_")}
    return sorted(own & set(dir(BASES[ours])))


def make(base: type) -> Any:
    async def app(scope: object, receive: object, send: object) -> None:
        raise AssertionError("it is not called")

    async def main() -> Any:
        config = uvicorn.Config(app, log_config=None, lifespan="off")
        config.load()
        return base(config) if base is uvicorn.Server else base(config, ServerState(), {}, asyncio.get_running_loop())

    return asyncio.run(main())


TAKEN = [
    pytest.param(BASES[ours], name, id=f"{BASES[ours].__name__}.{name}") for ours in BASES for name in names_taken(ours)
]
OVERRIDDEN = [
    pytest.param(ours, name, id=f"{BASES[ours].__name__}.{name}")
    for ours in (BoundedConnection, RefusableWebSocket)
    for name in overridden(ours)
]


def test_the_names_are_found_in_our_source() -> None:
    assert set(names_taken(BoundedConnection)) >= {"conn", "transport", "on_response_complete", "connection_made"}
    assert set(names_taken(RefusableWebSocket)) >= {"close_sent", "handshake_complete", "initial_response", "writable"}
    assert set(names_taken(LoopServer)) == {"config", "lifespan", "main_loop", "server_state"}


@pytest.mark.parametrize(("base", "name"), TAKEN)
def test_uvicorn_has_a_name_that_we_use(base: type, name: str) -> None:
    assert f"self.{name}" in inspect.getsource(base) if name in SET_LATER else hasattr(make(base), name)


@pytest.mark.parametrize(("ours", "name"), OVERRIDDEN)
def test_a_method_that_we_override_has_uvicorns_parameters(ours: type, name: str) -> None:
    theirs = inspect.signature(getattr(BASES[ours], name)).parameters
    assert list(inspect.signature(getattr(ours, name)).parameters) == list(theirs)


@pytest.mark.parametrize("message", sorted(CLIENTS_MISTAKES))
def test_uvicorn_logs_a_clients_mistake_in_these_words(message: str) -> None:
    assert message in inspect.getsource(h11_impl)


def test_no_other_file_imports_a_private_part_of_uvicorn() -> None:
    package = Path(loop_server.__file__).parents[1]
    users = {path.name for path in package.rglob("*.py") if "uvicorn" in _imports(path.read_text())}
    assert users == {"loop_server.py", "http_connection.py", "websocket_connection.py"}


def _imports(source: str) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names
