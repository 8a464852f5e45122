"""What happened to a tenant, in order: bounded by count and bytes, without secrets, to be searched and waited for."""

from __future__ import annotations

import asyncio
import bisect
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, ClassVar, Final

from offhook.arguments import check_function, check_instance, check_seconds, check_text, check_whole
from offhook.errors import CallStateError, WaitTimeout
from offhook.interfaces import mask
from offhook.session import Grade
from offhook_mockserver.tenants.criteria import Criteria
from offhook_mockserver.tenants.entry import Content, Entry, EntryKind, clean, size_of

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterable, Mapping

    from offhook.interfaces import Clock
    from offhook_mockserver.tenants.entry import Json

#: pytest shows the line of the test, and none of ours.
__tracebackhide__: Final = True


MOST_ENTRIES: Final = 10_000
MOST_BYTES: Final = 8 * 1024 * 1024
#: Entries that a `NotSeen` shows.
_NEAREST: Final = 3
#: Tasks that may wait at once.
_MOST_WAITERS: Final = 1_000


class NotSeen(WaitTimeout):
    """No entry of the journal, or too few, matched in time. The message shows the nearest and what each missed.

    Attributes:
        about_time: whether a busy machine could have caused it; not if a receiver refused the webhook of a wait.
    """

    code: ClassVar[str] = "not_seen"

    def __init__(self, message: str, *, about_time: bool = True) -> None:
        super().__init__(message)
        self.about_time: bool = about_time


class Journal:
    """The journal of one tenant. Entries are redacted when they are added, and the oldest are dropped at the limits.

    Args:
        clock: the tenant's time.
        most_entries: how many entries are kept.
        most_bytes: about how many bytes they may take.

    Attributes:
        dropped: how many of the oldest entries were dropped.

    Raises:
        ConfigError: a limit is not a whole number of at least 1.
    """

    def __init__(self, clock: Clock, *, most_entries: int = MOST_ENTRIES, most_bytes: int = MOST_BYTES) -> None:
        self._clock = clock
        self._most_entries = check_whole(most_entries, "most_entries", least=1)
        self._most_bytes = check_whole(most_bytes, "most_bytes", least=1, unit="bytes")
        self._entries: deque[Entry] = deque()
        self._sizes: deque[int] = deque()
        self._bytes = 0
        self._next = 0
        self._began_s: float | None = None
        #: `at_s` of the last entry that was restored.
        self._resumed_s = 0.0
        self._waiters: list[_Waiter] = []
        self._watchers: list[Callable[[Entry], object]] = []
        self._closed = False
        self.dropped: int = 0

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The entries that are kept, oldest first."""
        return tuple(self._entries)

    @property
    def bytes(self) -> int:
        """About how many bytes the kept entries take."""
        return self._bytes

    @property
    def next_index(self) -> int:
        """The index that the next entry gets."""
        return self._next

    def __len__(self) -> int:
        return len(self._entries)

    def after(self, index: int, most: int) -> tuple[Entry, ...]:
        """The first `most` of the kept entries after the one with this index, oldest first."""
        start = bisect.bisect_right(self._entries, index, key=lambda entry: entry.index)
        return tuple(islice(self._entries, start, start + most))

    def add(
        self,
        kind: EntryKind,
        text: str,
        *,
        channel: str = "",
        number: str = "",
        fields: Mapping[str, Json] | None = None,
        grade: Grade = Grade.OBSERVED,
    ) -> Entry:
        """Add an entry and return it as it is kept.

        Args:
            kind: what it is about.
            text: a sentence for people.
            channel: the channel of its call.
            number: the number that its call rings; it is masked.
            fields: the same for programs.
            grade: how certain it is that Sendblue or Agora would do the same.

        Raises:
            ConfigError: an argument is of the wrong type.
        """
        check_instance(kind, "kind", EntryKind, "an EntryKind")
        check_instance(grade, "grade", Grade, "a Grade")
        check_text(text, "text")
        check_text(channel, "channel")
        check_text(number, "number")
        content = Content.made(kind, text, {} if fields is None else fields, grade)
        return self.add_content(content, channel, mask(number) if number else "")

    def add_content(self, content: Content, channel: str = "", number: str = "") -> Entry:
        """Add an entry whose content was redacted and cut before; for the mock itself.

        Args:
            content: what it says.
            channel: the channel of its call.
            number: the number that its call rings, masked.
        """
        now_s = self._clock.monotonic_s()
        if self._began_s is None:
            self._began_s = now_s
        entry = Entry(
            index=self._next,
            wall_s=self._clock.wall_s(),
            at_s=self._resumed_s + now_s - self._began_s,
            kind=content.kind,
            channel=channel,
            number=number,
            text=content.text,
            fields=content.fields,
            grade=content.grade,
        )
        self._next += 1
        self._keep(entry, content.bytes)
        for waiter in tuple(self._waiters):
            waiter.look(entry)
        for watcher in tuple(self._watchers):
            watcher(entry)
        return entry

    def watch(self, on_entry: Callable[[Entry], object]) -> Callable[[], None]:
        """Have `on_entry` called with each entry from now on, after it was added; it must not raise.

        Returns:
            A function that ends the calls. Idempotent.

        Raises:
            ConfigError: it is not a function that can be called with an entry.
        """
        check_function(on_entry, "on_entry", ("an entry",))
        self._watchers.append(on_entry)

        def stop() -> None:
            if on_entry in self._watchers:
                self._watchers.remove(on_entry)

        return stop

    def search(
        self,
        *,
        kind: EntryKind | str | None = None,
        channel: str | None = None,
        number: str | None = None,
        text: str | re.Pattern[str] | None = None,
        since: Entry | int | None = None,
        where: Mapping[str, Json] | Callable[[Entry], object] | None = None,
    ) -> tuple[Entry, ...]:
        """The kept entries that fulfil all given criteria, oldest first; for the criteria see `Criteria`.

        Raises:
            ConfigError: a criterion is of the wrong type, or the kind is unknown.
        """
        criteria = Criteria(kind=kind, channel=channel, number=number, text=text, since=since, where=where)
        return tuple(entry for entry in self._entries if criteria.matches(entry))

    async def wait_for(
        self,
        *,
        timeout_s: float,
        count: int = 1,
        kind: EntryKind | str | None = None,
        channel: str | None = None,
        number: str | None = None,
        text: str | re.Pattern[str] | None = None,
        since: Entry | int | None = None,
        where: Mapping[str, Json] | Callable[[Entry], object] | None = None,
    ) -> Entry:
        """Wait until `count` entries match, and return the last of these. Entries that are there already count.

        Args:
            timeout_s: how long to wait, in seconds of the event loop.
            count: how many must match.
            kind, channel, number, text, since, where: see `Criteria`.

        Raises:
            NotSeen: fewer matched in time, or the tenant was removed.
            CallStateError: 1,000 tasks wait for this journal already.
            ConfigError: an argument is of the wrong type.
        """
        check_seconds(timeout_s, "timeout_s", zero=True)
        check_whole(count, "count", least=1)
        criteria = Criteria(kind=kind, channel=channel, number=number, text=text, since=since, where=where)
        if len(self._waiters) >= _MOST_WAITERS:
            raise CallStateError(f"{_MOST_WAITERS} tasks wait for this journal, which is the limit: cancel some")
        waiter = _Waiter(criteria, count)
        for entry in self._entries:
            waiter.look(entry)
        if not waiter.found.done() and not self._closed:
            self._waiters.append(waiter)
            try:
                await asyncio.wait((waiter.found,), timeout=timeout_s)
            finally:
                self._waiters.remove(waiter)
                waiter.stop()
        if waiter.found.done() and (found := waiter.found.result()) is not None:
            return found
        raise NotSeen(self._why_not(criteria, count, waiter.seen, timeout_s))

    def close(self) -> None:
        """Let every `wait_for` that would still wait fail: nothing more will happen. Idempotent."""
        self._closed = True
        for waiter in self._waiters:
            waiter.give_up()

    def restore(self, entries: Iterable[Entry], dropped: int) -> None:
        """Take the entries of an exported journal into this one, which must be empty. Later entries follow them.

        Raises:
            CallStateError: this journal has entries.
            ConfigError: `dropped` is not a whole number of at least 0.
        """
        if self._next:
            raise CallStateError("entries can be restored only into an empty journal")
        self.dropped = check_whole(dropped, "dropped", least=0, unit="entries")
        last: Entry | None = None
        for last in entries:
            _, fields_bytes = clean(last.fields)
            self._keep(last, size_of(last.text, fields_bytes))
        if last is not None:
            self._next = last.index + 1
            self._resumed_s = last.at_s

    def _keep(self, entry: Entry, size: int) -> None:
        self._entries.append(entry)
        self._sizes.append(size)
        self._bytes += size
        # The newest entry stays, even if it is larger than the limit.
        while len(self._entries) > self._most_entries or (self._bytes > self._most_bytes and len(self._entries) > 1):
            self._entries.popleft()
            self._bytes -= self._sizes.popleft()
            self.dropped += 1

    def _why_not(self, criteria: Criteria, count: int, seen: int, timeout_s: float) -> str:
        """Why nothing matched: what was looked for, and the nearest entries with what each missed."""
        wanted = ("an entry" if count == 1 else f"{count} entries") + (f" with {criteria}" if str(criteria) else "")
        ended = "before the tenant was removed" if self._closed else f"within {timeout_s:g} s"
        found = f"; {seen} matched" if count > 1 else ""
        lines = [f"the journal did not get {wanted} {ended}{found}"]
        missed = [(criteria.missed(entry), entry) for entry in self._entries]
        # Of entries that miss equally many criteria, the latest is the likeliest to be meant.
        near = sorted((item for item in missed if item[0]), key=lambda item: (len(item[0]), -item[1].index))
        if near:
            lines[0] += f". The nearest of {len(self._entries)} entries:"
            lines += [f"  {entry}\n    but {' and '.join(why)}" for why, entry in near[:_NEAREST]]
        elif not self._entries:
            lines[0] += ". The journal is empty: no request of this tenant has reached the mock"
        if self.dropped:
            lines.append(f"  ({self.dropped} earlier entries were dropped at the journal's limits)")
        return "\n".join(lines)


class _Waiter:
    """One `wait_for`."""

    def __init__(self, criteria: Criteria, count: int) -> None:
        self._criteria = criteria
        self._count = count
        self.seen = 0
        #: The entry; None if the tenant was removed.
        self.found: asyncio.Future[Entry | None] = asyncio.get_running_loop().create_future()

    def look(self, entry: Entry) -> None:
        if self.found.done():
            return
        try:
            matched = self._criteria.matches(entry)
        except Exception as error:  # a test's own function, called where the mock adds the entry
            self.found.set_exception(error)
            return
        self.seen += matched
        if self.seen == self._count:
            self.found.set_result(entry)

    def give_up(self) -> None:
        if not self.found.done():
            self.found.set_result(None)

    def stop(self) -> None:
        # Without this, asyncio would log the error of a `where` whose caller was cancelled in the same turn.
        if self.found.done():
            self.found.exception()
