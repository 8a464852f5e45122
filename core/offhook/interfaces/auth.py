"""Auth: proves to a carrier who we are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook.secret import Secret


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
