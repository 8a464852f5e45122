"""One name in a registry: what it is asked for by, who added it, and what it needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from offhook.errors import MissingExtraError
from offhook.locating import is_installed

if TYPE_CHECKING:
    from collections.abc import Iterable

_F = TypeVar("_F")

#: So much of what else a plugin adds is told by name.
_MOST_TOLD: Final = 5


@dataclass(frozen=True, slots=True)
class Registration(Generic[_F]):
    """One name in a registry.

    Attributes:
        name: what it is asked for by.
        factory: makes one.
        plugin: the plugin that added it.
        summary: one line for ``offhook plugins``.
        extra: what to give to pip when something it needs is missing.
        needs: import names that must be installed.
        stand_in: whether it gives way to a plugin that adds the name in earnest.
    """

    name: str
    factory: _F
    plugin: str
    summary: str
    extra: str
    needs: tuple[str, ...]
    stand_in: bool = False

    @property
    def missing(self) -> tuple[str, ...]:
        """Those of `needs` that are not installed."""
        return tuple(name for name in self.needs if not is_installed(name))

    @property
    def cure(self) -> str:
        """What brings what is missing, as far as the plugin says it."""
        return f'pip install "{self.extra}"' if self.extra else "its plugin does not say what to give to pip"

    def lack(self, what: str) -> MissingExtraError:
        """The error for `what` is made by it, when something is missing."""
        return MissingExtraError(self.extra, what, self.missing)


def lost_with(plugin: str, added: Iterable[tuple[str, Registration[Any]]], kept: Registration[Any]) -> str:
    """What is gone, besides `kept`, where `plugin` is switched off, as the end of a sentence; empty for nothing.

    Resamplers come first, since any call may want one.
    """
    lost = [(kind, item.name) for kind, item in added if item.plugin == plugin and item is not kept]
    lost.sort(key=lambda item: item[0] != "resampler")
    if not lost:
        return ""
    told = ", ".join(f"{kind} {name!r}" for kind, name in lost[:_MOST_TOLD])
    more = f" and {len(lost) - _MOST_TOLD} more" if len(lost) > _MOST_TOLD else ""
    return f", which takes away all else that it adds: {told}{more}"
