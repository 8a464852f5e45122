"""A store of plain files: ``jsonl:FOLDER`` keeps a journal of JSON lines and a JSON record for each call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook.hookspecs import hookimpl

if TYPE_CHECKING:
    from offhook.interfaces import Store
    from offhook.registry import Environment, StoreRegistry

__all__ = ["offhook_store"]


@hookimpl
def offhook_store(registry: StoreRegistry) -> None:
    registry.add("jsonl", _jsonl, summary="journal.jsonl and record.json in a folder: jsonl:calls")


def _jsonl(argument: str, environment: Environment) -> Store:
    from offhook_jsonl.store import JsonLinesStore

    return JsonLinesStore(argument)
