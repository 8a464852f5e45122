"""How a mistake of a test gets from the mock's application to a client in the same process: as itself, not as HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.types import Scope

    from offhook.errors import OffhookError


#: The extension of an ASGI scope that takes the mistake; servers behind a socket do not have it.
MISTAKE: Final = "offhook.mistake"


def report_mistake(scope: Scope, error: OffhookError) -> None:
    """Pass the error to the client if that is in this process; the HTTP answer says the same for all others."""
    extensions = cast("Mapping[str, Callable[[OffhookError], None]]", scope.get("extensions") or {})
    take = extensions.get(MISTAKE)
    if take is not None:
        take(error)
