"""The default store: ``sqlite`` keeps all calls in one database in the home folder, ``sqlite:PATH`` in another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from offhook.plugin import hookimpl

if TYPE_CHECKING:
    from offhook.interfaces import Archive, Environment, Store
    from offhook.plugin import ArchiveRegistry, StoreRegistry

__all__ = ["DATABASE", "offhook_archive", "offhook_store"]

_SUMMARY = "all calls in one database: sqlite, or sqlite:calls.db"


@hookimpl
def offhook_store(registry: StoreRegistry) -> None:
    registry.add("sqlite", _store, summary=_SUMMARY)


@hookimpl
def offhook_archive(registry: ArchiveRegistry) -> None:
    registry.add("sqlite", _archive, summary=_SUMMARY)


def _store(argument: str, environment: Environment) -> Store:
    from offhook.records import home, make_private
    from offhook_sqlite.store import SqliteStore

    if argument:
        return SqliteStore(argument)
    folder = home(environment)
    make_private(folder)
    return SqliteStore(folder / DATABASE)


def _archive(argument: str, environment: Environment) -> Archive:
    from offhook.records import home
    from offhook_sqlite.archive import SqliteArchive

    return SqliteArchive(Path(argument) if argument else home(environment) / DATABASE)


#: The database in the home folder.
DATABASE = "calls.db"
