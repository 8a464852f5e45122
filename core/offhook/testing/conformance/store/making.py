"""What the parts of the kit for stores share: how a store is made, and the calls that are written into it."""

from __future__ import annotations

import contextlib
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from offhook.interfaces.clock import iso_8601
from offhook.interfaces.environment import Environment
from offhook.interfaces.ids import Ids
from offhook.records.home import HOME_VARIABLE
from offhook.testing.conformance.clause import NotClaimed
from offhook.testing.conformance.folders import WithPlaces
from offhook.testing.conformance.killed_child import die_after
from offhook.testing.conformance.probes import error_in

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from offhook.interfaces import Archive, Store


_EPOCH_S = 1_795_000_000.0


class StoreMaking(WithPlaces):
    """See `StoreConformance`."""

    kind = "store"
    capabilities: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "archive": "What it keeps can be read again.",
            "arguments": "It takes an argument, which may be wrong.",
            "guard": "It is a `DialGuard` as well.",
            "interrupted": "It tells of calls that died with their process.",
            "survives": "What it keeps outlives the process.",
        }
    )

    def make(self, argument: str, environment: Environment) -> Store:
        """The store. Your subclass says how."""
        raise NotImplementedError("your subclass must have make(self, argument, environment), which gives the store")

    def make_archive(self, argument: str, environment: Environment) -> Archive:
        """What reads the store again. Your subclass says how, if something does."""
        raise NotClaimed("nothing reads the store again; give your subclass a method make_archive if something does")

    def settings(self) -> Environment:
        """The settings that it is made with: its home is the folder of this clause."""
        return Environment({HOME_VARIABLE: str(self.folder / "home")})

    def used_by_one_that_dies(self, use: Callable[[Store], object]) -> None:
        """Make a store in a child of this process, use it, and die.

        Raises:
            AssertionError: it failed before.
        """
        argument, environment = self.place(self.argument), self.settings()

        def work() -> None:  # pragma: no cover - in a child
            use(self.make(argument, environment))

        die_after(work)

    @contextlib.contextmanager
    def opened(self) -> Generator[Store]:
        """A store, closed in the end; what that raises is the matter of one clause."""
        store = self.make(self.place(self.argument), self.settings())
        try:
            yield store
        finally:
            error_in(store.close)

    @contextlib.contextmanager
    def archive(self) -> Generator[Archive]:
        """What reads it, closed in the end."""
        archive = self.make_archive(self.place(self.argument), self.settings())
        try:
            yield archive
        finally:
            archive.close()

    def call_id(self) -> str:
        """A call that nobody has met before: the place may be one that is used for other things."""
        return Ids().call_id()

    def record_of(self, number: int, **more: object) -> dict[str, object]:
        """The record of the call with that number in the order of dialling."""
        dialed_at = iso_8601(_EPOCH_S + number)
        return {"number": "+1415•••0123", "dialed_at": dialed_at, "ended_at_s": 1.5, **more}
