"""A store of plain files: ``jsonl:FOLDER`` keeps a journal of JSON lines and a JSON record for each call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook.plugin import hookimpl

if TYPE_CHECKING:
    from offhook.interfaces import Archive, Environment, Store
    from offhook.plugin import ArchiveRegistry, StoreRegistry

__all__ = ["offhook_archive", "offhook_store"]

_SUMMARY = "journal.jsonl and record.json in a folder: jsonl:calls"


@hookimpl
def offhook_store(registry: StoreRegistry) -> None:
    registry.add("jsonl", _jsonl, summary=_SUMMARY)


@hookimpl
def offhook_archive(registry: ArchiveRegistry) -> None:
    registry.add("jsonl", _archive, summary=_SUMMARY)


def _jsonl(argument: str, environment: Environment) -> Store:
    from offhook_jsonl.store import JsonLinesStore

    return JsonLinesStore(argument)


def _archive(argument: str, environment: Environment) -> Archive:
    from offhook_jsonl.archive import JsonLinesArchive

    return JsonLinesArchive(argument)
