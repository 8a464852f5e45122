"""Where the control API and the description of Sendblue's are, for code that runs before anybody has asked for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from starlette.types import Scope

#: What the paths of the control API begin with.
PREFIX: Final = "/mock/v1"
#: The page that describes Sendblue's API as the mock answers it.
DOCS: Final = "/mock/docs"


def is_control(scope: Scope) -> bool:
    """Whether a request is for the control API."""
    return f"{scope['path']}/".startswith(f"{PREFIX}/")
