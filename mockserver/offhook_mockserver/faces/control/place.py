"""Where the control API is, for code that runs before anybody has asked for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from starlette.types import Scope

#: What the paths of the control API begin with.
PREFIX: Final = "/mock/v1"


def is_control(scope: Scope) -> bool:
    """Whether a request is for the control API."""
    return f"{scope['path']}/".startswith(f"{PREFIX}/")
