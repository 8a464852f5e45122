"""The default store: ``sqlite`` keeps all calls in one database in the home folder, ``sqlite:PATH`` in another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook.plugin import hookimpl

if TYPE_CHECKING:
    from pathlib import Path

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
        return SqliteStore(_path(argument))
    folder = home(environment)
    make_private(folder)
    return SqliteStore(folder / DATABASE)


def _archive(argument: str, environment: Environment) -> Archive:
    from offhook.records import home
    from offhook_sqlite.archive import SqliteArchive

    return SqliteArchive(_path(argument) if argument else home(environment) / DATABASE)


def _path(argument: str) -> Path:
    """The database that a spec names.

    Raises:
        SpecError, ConfigError: it is not a file; see `path_argument`.
    """
    from offhook.errors import SpecError
    from offhook.paths import path_argument

    if argument == ":memory:":
        raise SpecError(
            "sqlite needs a file, since records are for later and for other processes, and :memory: is not one: write "
            "sqlite:FILE, or none to keep no records"
        )
    return path_argument("sqlite", argument)


#: The database in the home folder.
DATABASE = "calls.db"
