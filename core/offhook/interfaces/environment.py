"""The environment of a part that is chosen by name: its settings, and the objects that all parts of a phone share."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from offhook.arguments import check_methods, check_settings
from offhook.interfaces.clock import SystemClock, check_clock
from offhook.interfaces.ids import Ids, check_ids

if TYPE_CHECKING:
    import httpx

    from offhook.interfaces.clock import Clock


_HTTP: Final = "an asynchronous httpx transport, such as httpx.AsyncHTTPTransport() or what a mock's http() returns"


class Environment(Mapping[str, str]):
    """The settings for a part that is chosen by name, and the objects that all parts of a phone share.

    The factory of the part receives it. It is a mapping of the settings.

    Args:
        variables: the settings, named and written as environment variables are.
        clock: the time; the machine's clock by default.
        ids: identifiers and random numbers; from the system's entropy by default.
        http: an httpx transport for reaching HTTP servers, instead of the network; None for the network.

    Raises:
        ConfigError: an argument is of the wrong type.
    """

    def __init__(
        self,
        variables: Mapping[str, str] | None = None,
        *,
        clock: Clock | None = None,
        ids: Ids | None = None,
        http: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._variables: Mapping[str, str] = {} if variables is None else check_settings(variables, "environment")
        self.clock: Clock = SystemClock() if clock is None else check_clock(clock)
        self.ids: Ids = Ids() if ids is None else check_ids(ids)
        if http is not None:
            check_methods(http, "http", ("handle_async_request",), _HTTP)
        self.http = http

    def __getitem__(self, name: str) -> str:
        return self._variables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)


def unread(settings: Mapping[str, str], names: Iterable[str]) -> str:
    """Why settings that a program has exported are not used; empty if none of them is set in the process.

    Args:
        settings: the settings of a phone.
        names: variables that are missing in them.
    """
    lost = [name for name in names if os.environ.get(name) and not settings.get(name)]
    if not lost:
        return ""
    return (
        f"{', '.join(lost)} {'is' if len(lost) == 1 else 'are'} set in this process's environment, but Phone() reads "
        "no environment: use Phone.from_env()"
    )
