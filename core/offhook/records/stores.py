"""The stores of a phone, written to side by side: one that fails does not keep the others from being written."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from offhook.errors import OffhookError
from offhook.interfaces import DialGuard, Store
from offhook.plugin.isolation import as_plugin_error
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
#: Interrupted calls are told to a logger of their own: the command line tells them itself.
INTERRUPTED_LOGGER: Final = "offhook.interrupted"

_log: Final = logging.getLogger(INTERRUPTED_LOGGER)


def usual_store(environment: Mapping[str, str]) -> str:
    """The spec of the store that the environment names; ``sqlite`` unless it does."""
    return environment.get(STORE_VARIABLE) or "sqlite"


class Stores:
    """What a phone writes its calls to; there may be none."""

    def __init__(self, stores: Sequence[Store] = ()) -> None:
        self._stores = tuple(stores)

    @property
    def guard(self) -> DialGuard | None:
        """The first store that remembers who is being called, or None."""
        return next((store for store in self._stores if isinstance(store, DialGuard)), None)

    def interrupted(self) -> list[Document]:
        """The calls that the stores found interrupted when they were opened, each once.

        Raises:
            OffhookError: a store could not say.
        """
        found: dict[object, Document] = {}
        for store in self._stores:
            try:
                records = store.interrupted()
            except BaseException as error:
                raise as_plugin_error(store, "interrupted", error) from error
            found.update((record.get("call_id"), record) for record in records)
        return list(found.values())

    def of_call(self, call_id: str) -> CallStores:
        """What one call is written to."""
        return CallStores(call_id, self._stores)

    def close(self) -> None:
        """Close all of them.

        Raises:
            OffhookError: one could not be closed; the first of them is raised when all have been tried.
        """
        first: OffhookError | None = None
        for store in self._stores:
            try:
                store.close()
            except BaseException as error:
                first = first or as_plugin_error(store, "close", error)
        if first is not None:
            raise first


class CallStores:
    """The stores as one call writes to them: what fails is told once, and a journal that has a hole is given up."""

    def __init__(self, call_id: str, stores: Sequence[Store]) -> None:
        self._call_id = call_id
        self._stores = stores
        #: Those whose journal is whole so far, by their place.
        self._journals = dict(enumerate(stores))
        #: What was told last of each store that failed.
        self._told: dict[int, str] = {}
        #: Those that lack an entry, or the record as it was last.
        self._behind: dict[int, str] = {}

    @property
    def unwritten(self) -> str:
        """Why what happened stands in no store, though there are some; else empty."""
        return next(iter(self._behind.values()), "") if len(self._behind) == len(self._stores) else ""

    def append(self, entry: Document) -> list[str]:
        """Add an entry to every journal; what went wrong, in sentences."""
        problems: list[str] = []
        for place, store in tuple(self._journals.items()):
            problem = _attempt(store, "append", store.append, self._call_id, entry)
            if problem is not None:
                del self._journals[place]
                self._told[place] = self._behind[place] = problem
                problems.append(problem)
        return problems

    def save(self, record: Document, timeline: Callable[[], object], *, final: bool) -> tuple[int, list[str]]:
        """Write the record to every store.

        The timeline is left out while the journal holds it: written with each change, it would cost more each time.

        Args:
            record: without its timeline.
            timeline: makes the timeline.
            final: whether the call is over.

        Returns:
            How many stores failed, and the problems that have not been reported yet.
        """
        failures, news = 0, list[str]()
        whole: Document | None = None
        for place, store in enumerate(self._stores):
            document = record
            if final or place not in self._journals:
                document = whole = whole or {**record, "timeline": timeline()}
            problem = _attempt(store, "save", store.save, self._call_id, document)
            if problem is None:
                self._told.pop(place, None)
                if place in self._journals:
                    self._behind.pop(place, None)
                continue
            failures += 1
            self._behind[place] = problem
            if self._told.get(place) != problem:
                self._told[place] = problem
                news.append(problem)
        return failures, news


def _attempt(
    store: Store, name: str, method: Callable[[str, Document], None], call_id: str, document: Document
) -> str | None:
    try:
        method(call_id, document)
    except BaseException as error:
        return as_plugin_error(store, name, error).message
    return None


def open_stores(
    plugins: Plugins, given: Store | str | Sequence[Store | str] | None, usual: str, environment: Mapping[str, str]
) -> Stores:
    """Open the stores that are given by spec; when one cannot be opened, none of them stays open.

    Args:
        plugins: where specs are looked up.
        given: what the phone was given.
        usual: the spec that `AUTO` stands for.
        environment: settings for those that are given by spec.

    Raises:
        SpecError, MissingExtraError, StorageError: one cannot be opened.
    """
    items = [] if given is None else [given] if isinstance(given, str | Store) else list(given)
    specs = [usual if item == AUTO else item for item in items]
    opened: list[Store] = []
    stores: list[Store] = []
    try:
        for item in specs:
            if not isinstance(item, str):
                stores.append(item)
            elif item != NO_STORE:
                with named_by(STORE_VARIABLE, environment, item):
                    opened.append(plugins.store(item, environment))
                stores.append(opened[-1])
    except OffhookError:
        Stores(opened).close()
        raise
    return Stores(stores)


def interrupted(stores: Stores) -> tuple[Document, ...]:
    """The calls that died with their process, each told in one warning.

    Raises:
        OffhookError: a store could not say; all are closed then.
    """
    try:
        found = stores.interrupted()
    except OffhookError:
        stores.close()
        raise
    for record in found:
        _log.warning("%s", interrupted_sentence(record))
    return tuple(found)
