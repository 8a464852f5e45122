"""The extra ``mock``: what it installs, and how names that may need it are imported on first use."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Final

from offhook.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What pip installs, and the packages that must be there.
EXTRA: Final = "offhook[mock]"
NEEDS: Final = ("aiortc", "av", "numpy", "soundfile", "soxr", "starlette", "uvicorn", "websockets")


def lack(what: str) -> MissingExtraError | None:
    """The error that says what to install; None if all packages of the extra are installed.

    Args:
        what: what cannot be used without them, for the message.
    """
    missing = tuple(name for name in NEEDS if importlib.util.find_spec(name) is None)
    return MissingExtraError(EXTRA, what, missing) if missing else None


def require(package: str) -> None:
    """Check that a package is installed which a module imports later, when a request needs it.

    Raises:
        ModuleNotFoundError: it is not.
    """
    if importlib.util.find_spec(package) is None:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)


def lazy_name(face: str, name: str, homes: Mapping[str, str]) -> object:
    """Import a name of a face, for its ``__getattr__``.

    Args:
        face: the module that offers it.
        name: the name.
        homes: the module behind each name of the face.

    Raises:
        AttributeError: the face has no such name.
        MissingExtraError: it needs a package that is not installed.
    """
    if name not in homes:
        raise AttributeError(f"module {face!r} has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(homes[name]), name)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("offhook") or (missing := lack(f"{face}.{name}")) is None:
            raise
        raise missing from error
