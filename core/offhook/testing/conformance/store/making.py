"""The base of the kit for stores: making stores and archives, and the calls that clauses write into them."""

from __future__ import annotations

import contextlib
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from offhook.interfaces.clock import iso_8601
from offhook.interfaces.environment import Environment
from offhook.interfaces.ids import Ids
from offhook.records.home import HOME_VARIABLE
from offhook.testing.conformance.clause import NotClaimed
from offhook.testing.conformance.folders import WithFolder
from offhook.testing.conformance.killed_child import die_after
from offhook.testing.conformance.probes import error_in

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from offhook.interfaces import Archive, Store


_EPOCH_S = 1_795_000_000.0


class StoreMaking(WithFolder):
    """See `StoreConformance`."""

    kind = "store"
    capabilities: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "archive": "It can be read back.",
            "arguments": "It takes an argument, which may be wrong.",
            "guard": "It is a `DialGuard` too.",
            "interrupted": "It finds calls whose process died.",
            "survives": "Its content survives the death of the process.",
        }
    )

    def make(self, argument: str, environment: Environment) -> Store:
        """Return the store. Your subclass implements this."""
        raise NotImplementedError("your subclass must have make(self, argument, environment), which returns the store")

    def make_archive(self, argument: str, environment: Environment) -> Archive:
        """Return the archive that reads the store back. Your subclass implements this if there is one."""
        raise NotClaimed(
            "the kit has no archive for the store; if there is one, implement make_archive() in your subclass"
        )

    def settings(self) -> Environment:
        """The settings that a store is made with: its home is the folder of this clause."""
        return Environment({HOME_VARIABLE: str(self.folder / "home")})

    def used_by_one_that_dies(self, use: Callable[[Store], object]) -> None:
        """Make a store in a child process, call `use` with it, and let the process die.

        Raises:
            AssertionError: making or using the store failed in the child process.
        """
        argument, environment = self.place(self.argument), self.settings()

        def work() -> None:  # pragma: no cover - in a child
            use(self.make(argument, environment))

        die_after(work)

    @contextlib.contextmanager
    def opened(self) -> Generator[Store]:
        """A store, closed at the end; errors of closing are ignored here, since one clause tests closing."""
        store = self.make(self.place(self.argument), self.settings())
        try:
            yield store
        finally:
            error_in(store.close)

    @contextlib.contextmanager
    def archive(self) -> Generator[Archive]:
        """Open the archive that reads the store back, and close it at the end."""
        archive = self.make_archive(self.place(self.argument), self.settings())
        try:
            yield archive
        finally:
            archive.close()

    def call_id(self) -> str:
        """Return a new call id, since the store may be in use for other calls as well."""
        return Ids().call_id()

    def record_of(self, number: int, **more: object) -> dict[str, object]:
        """Return the record of a call; `number` is its position in the order of dialling."""
        dialed_at = iso_8601(_EPOCH_S + number)
        return {"number": "+1415•••0123", "dialed_at": dialed_at, "ended_at_s": 1.5, **more}
