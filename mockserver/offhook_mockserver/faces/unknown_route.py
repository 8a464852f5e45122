"""The route for everything that no other route of a router takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import BaseRoute, Match

from offhook_mockserver.faces.refusals import UNKNOWN_ROUTE, refuse, unknown_route

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Receive, Scope, Send


class UnknownRoute(BaseRoute):
    """The answer to every other path and method; the last of a router's routes.

    Args:
        known: routes that the client may have meant, as ``METHOD /path``, each with a note or "".
    """

    def __init__(self, known: Mapping[str, str]) -> None:
        self._known = known

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        return (Match.FULL if scope["type"] == "http" else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        message = unknown_route(f"{scope['method']} {scope['path']}", self._known)
        await refuse(UNKNOWN_ROUTE, message)(scope, receive, send)
