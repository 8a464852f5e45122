"""The journal of a test's tenant, read and waited for from the test."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict, Unpack

from offhook.arguments import check_seconds, check_whole
from offhook.errors import ConfigError
from offhook.wording import nearest_name, no_attribute, quoted
from offhook_mockserver.tenants.criteria import Criteria
from offhook_mockserver.tenants.journal import NotSeen

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Mapping

    from offhook_mockserver.tenants.entry import Entry, EntryKind, Json
    from offhook_mockserver.testkit.scene import Scene


__tracebackhide__ = True


class Search(TypedDict, total=False):
    """What an entry must fulfil; all of it.

    Attributes:
        kind: what it is about, or the code of that.
        channel: the channel of its call.
        number: the number that its call rings.
        text: a part of its text, or a pattern.
        since: an earlier entry, or its index: only later ones count.
        where: fields that it has, or a function that returns whether it counts.
    """

    kind: EntryKind | str | None
    channel: str | None
    number: str | None
    text: str | re.Pattern[str] | None
    since: Entry | int | None
    where: Mapping[str, Json] | Callable[[Entry], object] | None


def _criteria(search: Search) -> None:
    """Check criteria here, where the test's line is the last of the traceback."""
    for name, value in search.items():
        if name not in Search.__annotations__:
            near = nearest_name(name, Search.__annotations__)
            guess = near or f': write where={{"{name}": {value!r}}} to look for a field'
            raise ConfigError(f"there is no criterion {quoted(name)}{guess}")
    Criteria(**search)


class JournalHandle:
    """Reads the journal of one tenant, from any thread in real time."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._journal = scene.tenant.journal

    if not TYPE_CHECKING:  # so that type checkers still report a wrong name

        def __getattr__(self, name: str) -> object:
            raise no_attribute(self, name)

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The entries that are kept, oldest first."""
        return self._scene.bridge.call(lambda: self._journal.entries)

    @property
    def dropped(self) -> int:
        """How many of the oldest entries were dropped at the journal's limits."""
        return self._journal.dropped

    def search(self, **search: Unpack[Search]) -> tuple[Entry, ...]:
        """The kept entries that fulfil all given criteria, oldest first.

        Raises:
            ConfigError: a criterion is of the wrong type, or the kind is unknown.
        """
        _criteria(search)
        return self._scene.bridge.call(lambda: self._journal.search(**search))

    def wait_for(self, timeout_s: float | None = None, *, count: int = 1, **search: Unpack[Search]) -> Entry:
        """Wait until entries match, and return the last of these. Entries that are there already count.

        Args:
            timeout_s: how long to wait, in seconds; None for the limit of `MockOptions`.
            count: how many must match.
            search: the criteria.

        Raises:
            NotSeen: fewer matched in time; the message shows the nearest entries and what each missed.
            CallStateError: an event loop runs on this thread; use `await_for`.
            ConfigError: an argument is of the wrong type.
        """
        limit_s = self._limit_s(timeout_s, count, search)
        try:
            return self._scene.bridge.wait(
                "offhook_mock.wait_for",
                lambda: self._journal.wait_for(timeout_s=limit_s, count=count, **search),
            )
        except NotSeen as error:
            raise error.with_traceback(None) from None  # pytest shows the line of the test, and none of ours

    async def await_for(self, timeout_s: float | None = None, *, count: int = 1, **search: Unpack[Search]) -> Entry:
        """As `wait_for`, for coroutines."""
        limit_s = self._limit_s(timeout_s, count, search)
        try:
            return await self._scene.bridge.awaited(
                lambda: self._journal.wait_for(timeout_s=limit_s, count=count, **search)
            )
        except NotSeen as error:
            raise error.with_traceback(None) from None

    def _limit_s(self, timeout_s: float | None, count: int, search: Search) -> float:
        """Check the arguments of a wait here, where the test's line is the last of the traceback."""
        check_whole(count, "count", least=1)
        _criteria(search)
        return self._scene.options.timeout_s if timeout_s is None else check_seconds(timeout_s, "timeout_s", zero=True)
