"""The headers of a request as text, decoded once: by the guard, or by the first face that asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from starlette.types import Scope


#: Where an ASGI scope has them.
_HEADERS: Final = "offhook.headers"


def headers_of(scope: Scope) -> dict[str, str]:
    """The headers, with names in lower case; of a repeated one, the first."""
    known = cast("dict[str, str] | None", scope.get(_HEADERS))
    if known is None:
        known = scope[_HEADERS] = {}
        for name, value in cast("list[tuple[bytes, bytes]]", scope["headers"]):
            known.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))
    return known
