"""The stores of a phone, written to side by side: one that fails does not keep the others from being written."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Final, cast

from offhook.arguments import check_several, is_several
from offhook.errors import OffhookError
from offhook.interfaces import DialGuard, Store
from offhook.plugin.isolation import as_plugin_error
from offhook.plugin.part_checks import check_part
from offhook.plugin.spec import named_by
from offhook.records.documents import interrupted_sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from offhook.interfaces.store import Document
    from offhook.plugin.manager import Plugins


#: Names the store, or ``none``.
STORE_VARIABLE: Final = "OFFHOOK_STORE"
#: Leaves the choice to the phone.
AUTO: Final = "auto"
NO_STORE: Final = "none"
#: Interrupted calls have a logger of their own, which the command line silences: it prints them itself.
INTERRUPTED_LOGGER: Final = "offhook.interrupted"

_log: Final = logging.getLogger(INTERRUPTED_LOGGER)


def usual_store(environment: Mapping[str, str]) -> str:
    """The spec of the store that the environment names; ``sqlite`` by default."""
    return environment.get(STORE_VARIABLE) or "sqlite"


class Stores:
    """The stores that a phone writes its calls to, if any."""

    def __init__(self, stores: Sequence[Store] = ()) -> None:
        self._stores = tuple(stores)

    @property
    def guard(self) -> DialGuard | None:
        """The first store that remembers who is being called, or None."""
        return next((store for store in self._stores if isinstance(store, DialGuard)), None)

    def interrupted(self) -> list[Document]:
        """The calls that the stores found interrupted when they were opened, each once.

        Raises:
            OffhookError: a store failed.
        """
        found: dict[object, Document] = {}
        for store in self._stores:
            try:
                found.update((record.get("call_id"), record) for record in store.interrupted())
            except BaseException as error:
                raise as_plugin_error(store, "interrupted", error) from error
        return list(found.values())

    def of_call(self, call_id: str) -> CallStores:
        """The stores, for one call."""
        return CallStores(call_id, self._stores)

    def close(self) -> list[OffhookError]:
        """Close all of them; returns one error for each that could not be closed."""
        problems: list[OffhookError] = []
        for store in self._stores:
            try:
                store.close()
            except BaseException as error:
                problems.append(as_plugin_error(store, "close", error))
        return problems


class CallStores:
    """The stores, as one call writes to them. A failure is reported once; a journal that lacks an entry is given up."""

    def __init__(self, call_id: str, stores: Sequence[Store]) -> None:
        self._call_id = call_id
        self._stores = stores
        #: The stores whose journal is complete so far, by their place.
        self._journals = dict(enumerate(stores))
        #: The last problem that was reported for each store that failed.
        self._reported: dict[int, str] = {}
        #: The stores that lack an entry, or the latest record, with the reason.
        self._behind: dict[int, str] = {}

    @property
    def unwritten(self) -> str:
        """Why every store lacks something; empty if one store is complete or the phone has no store."""
        return next(iter(self._behind.values()), "") if len(self._behind) == len(self._stores) else ""

    def append(self, entry: Document) -> list[str]:
        """Add an entry to every journal; returns one sentence for each that failed."""
        problems: list[str] = []
        for place, store in tuple(self._journals.items()):
            problem = _append(store, self._call_id, entry)
            if problem is not None:
                del self._journals[place]
                self._reported[place] = self._behind[place] = problem
                problems.append(problem)
        return problems

    def save(self, record: Document, timeline: Callable[[], object], *, final: bool) -> tuple[int, list[str]]:
        """Write the record to every store.

        A record is written without its timeline while the journal holds the timeline: the timeline grows, so writing it
        with each change would cost more each time.

        Args:
            record: without its timeline.
            timeline: makes the timeline.
            final: whether the call has ended: the record has its timeline from then on.

        Returns:
            How many stores failed, and the problems that have not been reported yet.
        """
        failures, news = 0, list[str]()
        whole: Document | None = None
        for place, store in enumerate(self._stores):
            document = record
            if final or place not in self._journals:
                document = whole = whole or {**record, "timeline": timeline()}
            problem = _save(store, self._call_id, document)
            if problem is None:
                self._reported.pop(place, None)
                if place in self._journals:
                    self._behind.pop(place, None)
                continue
            failures += 1
            self._behind[place] = problem
            if self._reported.get(place) != problem:
                self._reported[place] = problem
                news.append(problem)
        return failures, news


def _append(store: Store, call_id: str, entry: Document) -> str | None:
    return _attempt(store, "append", lambda: store.append(call_id, entry))


def _save(store: Store, call_id: str, record: Document) -> str | None:
    return _attempt(store, "save", lambda: store.save(call_id, record))


def _attempt(store: Store, name: str, method: Callable[[], None]) -> str | None:
    """Call a store; the method is looked up inside as well, since a store may not have it."""
    try:
        method()
    except BaseException as error:
        return as_plugin_error(store, name, error).message
    return None


def check_stores(given: object) -> tuple[Store | str | os.PathLike[str], ...]:
    """Check what a program passes as a phone's stores, before any is opened.

    Raises:
        ConfigError: something is not a store, a spec or a path.
        PluginError: a store has async methods.
    """
    if given is None:
        return ()
    items = check_several(given, "store", "") if is_several(given) and not isinstance(given, Store) else (given,)
    for item in items:
        if not isinstance(item, str | os.PathLike):
            check_part(item, Store, "store", "a spec such as 'sqlite', a pathlib.Path, a Store, several, or None")
    return cast("tuple[Store | str | os.PathLike[str], ...]", items)


def open_stores(
    plugins: Plugins,
    given: Store | str | os.PathLike[str] | Sequence[Store | str | os.PathLike[str]] | None,
    usual: Store | str,
    environment: Mapping[str, str],
) -> Stores:
    """Open the stores that are named by a spec; when one cannot be opened, those opened before it are closed.

    Args:
        plugins: where specs are looked up.
        given: stores, specs and paths, as passed to the phone.
        usual: the store, or its spec, that `AUTO` stands for.
        environment: settings for stores that are named by a spec.

    Raises:
        SpecError, MissingExtraError, StorageError: a store cannot be opened.
    """
    specs = [usual if item == AUTO else item for item in check_stores(given)]
    opened: list[Store] = []
    stores: list[Store] = []
    try:
        for item in specs:
            if isinstance(item, Store):
                stores.append(item)
            elif item != NO_STORE:
                with named_by(STORE_VARIABLE, environment, os.fspath(item)):
                    opened.append(plugins.store(item, environment))
                stores.append(opened[-1])
    except OffhookError:
        Stores(opened).close()
        raise
    return Stores(stores)


def interrupted(stores: Stores) -> tuple[Document, ...]:
    """The calls that died with their process; logs one warning for each.

    Raises:
        OffhookError: a store failed; all have been closed.
    """
    try:
        found = stores.interrupted()
    except OffhookError:
        stores.close()
        raise
    for record in found:
        _log.warning("%s", interrupted_sentence(record))
    return tuple(found)
