"""The far end of grant renewal: what a program's own backend does, done by a mock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from offhook.arguments import check_methods
from offhook.plugin import hookimpl

if TYPE_CHECKING:
    from offhook.interfaces import Grant


class Renewer(Protocol):
    """What returns fresh grants for live calls: a mock, or the fixture `offhook_mock`."""

    def renew(self, channel: str) -> Grant:
        """A fresh grant for the channel of a live call."""
        ...


class RenewsGrants:
    """A plugin that renews grants by asking a mock, as a program asks its own backend.

    Args:
        mock: the mock that has the channels, or the fixture `offhook_mock`.

    Raises:
        ConfigError: it is not a mock.

    Attributes:
        renewed: how many fresh grants it has returned.
    """

    def __init__(self, mock: Renewer) -> None:
        check_methods(mock, "mock", ("renew",), "a mock, such as InProcessMock()")
        self._mock = mock
        self.renewed: int = 0

    @hookimpl
    def offhook_renew_grant(self, call_id: str, grant: Grant) -> Grant:
        """Returns a fresh grant for the channel of `grant`."""
        fresh = self._mock.renew(grant.channel)
        self.renewed += 1
        return fresh
