"""The kit for stores: writing, closing, and two on one place. Reading again and dial guards have a module each."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from offhook.errors import ConfigError, OffhookError, StorageError
from offhook.testing.conformance.clause import clause
from offhook.testing.conformance.probes import error_in, leaves_nothing, shown
from offhook.testing.conformance.store.archive import StoreArchive
from offhook.testing.conformance.store.guard import StoreGuard

if TYPE_CHECKING:
    from collections.abc import Callable


class StoreConformance(StoreArchive, StoreGuard):
    """Subclass it and say how your store, and what reads it again, are made.

    Attributes:
        wrong_arguments: arguments that must be refused.

    Capabilities: ``arguments``, that there are arguments which it refuses; ``archive``, that it can be read again;
    ``survives``, that what was written survives the death of the process; ``interrupted``, that it finds the calls
    that died with their process; ``guard``, that it is a `DialGuard` as well.
    """

    wrong_arguments: tuple[str, ...] = ("\0",)

    async def try_out(self) -> None:
        """Make one, and nothing else."""
        with self.opened():
            pass

    @clause("store-1", "it takes entries and records of calls, and can be closed twice, unused as well")
    async def test_it_takes_entries_and_records(self) -> None:
        with self.opened() as unused:
            unused.close()
            unused.close()
        with self.opened() as store:
            call_id = self.call_id()
            store.append(call_id, {"event": "Dialed", "at_s": 0.0})
            store.save(call_id, self.record_of(0))
            store.close()
            store.close()

    @clause("store-2", "used after close it raises an OffhookError, or does nothing")
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
        "a wrong argument is refused by a ConfigError or a StorageError when it is made",
        capability="arguments",
    )
    async def test_wrong_arguments(self) -> None:
        for argument in self.wrong_arguments:
            error = error_in(partial(self.make, self.place(argument), self.settings()))
            assert isinstance(error, ConfigError | StorageError), f"made with {argument!r}: {shown(error)}"

    @clause("store-4", "a second one on the same place works or is refused by an OffhookError, and the first goes on")
    async def test_two_on_one_place(self) -> None:
        with self.opened() as first:
            first.append(self.call_id(), {"event": "Dialed"})
            error = error_in(self._use_another)
            assert error is None or isinstance(error, OffhookError), f"a second one: {shown(error)}"
            first.append(self.call_id(), {"event": "Dialed"})
            first.save(self.call_id(), self.record_of(0))

    def _use_another(self) -> None:
        with self.opened() as store:
            store.append(self.call_id(), {"event": "Dialed"})

    @clause("store-5", "closed, it leaves no descriptor and no task behind")
    async def test_nothing_is_left(self) -> None:
        async with leaves_nothing("the store"):
            with self.opened() as store:
                store.append(self.call_id(), {"event": "Dialed"})
