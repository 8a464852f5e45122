"""A command that is imported when it is typed, so that typing another one does not import it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from offhook.arguments import check_text, wrong

if TYPE_CHECKING:
    from collections.abc import Callable


class LazyCommand:
    """A command for `CommandRegistry.add`, named by where it is.

    Args:
        home: the module and the name of the command, as in ``acme_offhook.commands:ring``.
        quick: the same of a function for starts that must not wait for typer: it receives the arguments after the
            command's name, and returns an exit code, or None for arguments that are typer's to read. Empty for none.

    Raises:
        ConfigError: an argument is not text, or has no module or no name.

    Attributes:
        home, quick: as given.
    """

    def __init__(self, home: str, *, quick: str = "") -> None:
        self.home: str = _checked(home, "home")
        self.quick: str = _checked(quick, "quick") if quick != "" else ""

    def __call__(self, *arguments: object, **named: object) -> None:
        """Import the command and call it."""
        self.load()(*arguments, **named)

    def load(self) -> Callable[..., None]:
        """Import the command.

        Raises:
            ImportError, AttributeError: it is not there.
        """
        return cast("Callable[..., None]", _found(self.home))

    def load_quick(self) -> Callable[[list[str]], int | None] | None:
        """Import the function for quick starts; returns None if there is none.

        Raises:
            ImportError, AttributeError: it is not there.
        """
        return cast("Callable[[list[str]], int | None]", _found(self.quick)) if self.quick else None


def _checked(given: str, name: str) -> str:
    module, _, item = check_text(given, name).partition(":")
    if not module or not item:
        raise wrong(name, "a module and a name, such as 'acme_offhook.commands:ring'", given)
    return given


def _found(home: str) -> object:
    module, _, name = home.partition(":")
    return getattr(import_module(module), name)
