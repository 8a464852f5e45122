"""The kit for stores: writing, closing, two stores at one place. Reading back and dial guards have a module each."""

from __future__ import annotations

import copy
from functools import partial
from typing import TYPE_CHECKING

from offhook.errors import ConfigError, OffhookError, StorageError
from offhook.testing.conformance.clause import clause
from offhook.testing.conformance.probes import error_in, leaves_nothing, shown
from offhook.testing.conformance.store.archive import StoreArchive
from offhook.testing.conformance.store.guard import StoreGuard
from offhook.testing.conformance.turns import does_not_block

if TYPE_CHECKING:
    from collections.abc import Callable


class StoreConformance(StoreArchive, StoreGuard):
    """What a store must do. A subclass implements `make`, and `make_archive` if the store can be read back.

    Attributes:
        wrong_arguments: arguments that it must reject.

    Capabilities: ``arguments``: it rejects wrong arguments; ``archive``: it can be read back; ``survives``: its
    content survives the death of the process; ``interrupted``: it finds calls whose process died; ``guard``: it is
    a `DialGuard` too.
    """

    wrong_arguments: tuple[str, ...] = ("\0",)

    async def try_out(self) -> None:
        """Make a store and close it."""
        with self.opened():
            pass

    @clause(
        "store-1",
        "it accepts entries and records of calls and does not change them, and close() can be called twice, also when "
        "unused",
    )
    async def test_it_takes_entries_and_records(self) -> None:
        with self.opened() as unused:
            unused.close()
            unused.close()
        with self.opened() as store:
            call_id = self.call_id()
            entry, record = {"event": "Dialed", "at_s": 0.0}, self.record_of(0, timeline=[{"event": "Dialed"}])
            before = copy.deepcopy((entry, record))
            store.append(call_id, entry)
            store.save(call_id, record)
            for what, given, was in zip(("append()", "save()"), (entry, record), before, strict=True):
                assert given == was, f"{what} changed the document that it was given, which other stores get as well"
            store.close()
            store.close()

    @clause("store-2", "append() and save() after close() raise an OffhookError or do nothing")
    async def test_used_after_its_end(self) -> None:
        with self.opened() as store:
            store.close()
            attempts: tuple[Callable[[], object], ...] = (
                lambda: store.append(self.call_id(), {"event": "Dialed"}),
                lambda: store.save(self.call_id(), self.record_of(0)),
            )
            for attempt in attempts:
                error = error_in(attempt)
                assert error is None or isinstance(error, OffhookError), shown(error)

    @clause(
        "store-3",
        "a wrong argument raises a ConfigError or StorageError at once",
        capability="arguments",
    )
    async def test_wrong_arguments(self) -> None:
        for argument in self.wrong_arguments:
            error = error_in(partial(self.make, self.place(argument), self.settings()))
            assert isinstance(error, ConfigError | StorageError), f"made with {argument!r}: {shown(error)}"

    @clause("store-4", "a second store at the same place works or raises an OffhookError, and the first still works")
    async def test_two_on_one_place(self) -> None:
        with self.opened() as first:
            first.append(self.call_id(), {"event": "Dialed"})
            error = error_in(self._use_another)
            assert error is None or isinstance(error, OffhookError), f"a second store at the same place: {shown(error)}"
            first.append(self.call_id(), {"event": "Dialed"})
            first.save(self.call_id(), self.record_of(0))

    def _use_another(self) -> None:
        with self.opened() as store:
            store.append(self.call_id(), {"event": "Dialed"})

    @clause("store-5", "after close() it leaves no descriptor and no task behind")
    async def test_nothing_is_left(self) -> None:
        async with leaves_nothing("the store"):
            with self.opened() as store:
                store.append(self.call_id(), {"event": "Dialed"})

    @clause("store-26", "append() and save() do not block the event loop for long: they run between frames of audio")
    async def test_writing_does_not_hold_the_loop(self) -> None:
        with self.opened() as store:

            async def write() -> None:
                call_id = self.call_id()
                store.append(call_id, {"event": "Dialed"})
                store.save(call_id, self.record_of(0))

            await does_not_block(write, "append() or save()")
