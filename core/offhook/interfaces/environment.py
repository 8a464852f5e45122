"""The environment of a part that is chosen by name: its settings, and the objects that all parts of a phone share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from offhook.interfaces.clock import SystemClock
from offhook.interfaces.ids import Ids

if TYPE_CHECKING:
    import httpx

    from offhook.interfaces.clock import Clock


class Environment(Mapping[str, str]):
    """The settings for a part that is chosen by name, and the objects that all parts of a phone share.

    The factory of the part receives it. It is a mapping of the settings.

    Args:
        variables: the settings, named and written as environment variables are.
        clock: the time; the machine's clock by default.
        ids: identifiers and random numbers; from the system's entropy by default.
        http: an httpx transport for reaching HTTP servers, instead of the network; None for the network.
    """

    def __init__(
        self,
        variables: Mapping[str, str] | None = None,
        *,
        clock: Clock | None = None,
        ids: Ids | None = None,
        http: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._variables = variables or {}
        self.clock: Clock = clock or SystemClock()
        self.ids: Ids = ids or Ids()
        self.http = http

    def __getitem__(self, name: str) -> str:
        return self._variables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)
