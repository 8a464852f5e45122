"""Carrier: rings a person and returns the right to join their channel. Auth: proves to the carrier who we are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook.interfaces.grant import Grant
    from offhook.secret import Secret


class Carrier(ABC):
    """A service that places calls."""

    #: Base URL where this carrier's grants are joined, or None for Agora itself. Known before anything rings.
    endpoint: str | None = None

    @abstractmethod
    async def check(self) -> None:
        """Find out, without ringing anybody, whether a call could be started: settings, keys, URL.

        Raises:
            ConfigError: a setting is missing or wrong.
        """
        ...

    async def line(self) -> str:
        """What tells one of our lines from another: the same text for the same line of the same account at the same
        service, also in another process. The double-dial guard goes by it, and plugins are shown it, so it must not
        hold a key.
        """
        return f"{type(self).__module__}.{type(self).__qualname__} {self.endpoint or ''}"

    @abstractmethod
    async def start_call(self, to: str) -> Grant:
        """Ring `to`. This is not idempotent: it rings a person each time, and is never repeated by the core.

        Args:
            to: an E.164 number, already checked.

        Raises:
            CarrierError: it was refused, or (`StartAmbiguous`) nobody knows whether it rang.
        """
        ...

    @abstractmethod
    async def aclose(self) -> None:
        """Let go of connections. Idempotent."""
        ...


class Auth(ABC):
    """Gives the headers that authenticate a request."""

    @abstractmethod
    async def headers(self, host: str) -> Mapping[str, Secret]:
        """The headers for one request to `host`.

        Asked anew for every request, so keys may rotate.

        Raises:
            ConfigError: there are no keys; the message says where they are looked for.
        """
        ...
