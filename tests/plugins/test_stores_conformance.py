"""The stores sqlite and jsonl, with what reads them again, against the kit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook.plugin.manager import Plugins
from offhook.testing.conformance import StoreConformance

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook.interfaces import Archive, Store
    from offhook.interfaces.environment import Environment

PLUGINS = Plugins.load()


class Registered(StoreConformance):
    spec = ""

    def make(self, argument: str, environment: Environment) -> Store:
        return PLUGINS.make(PLUGINS.stores, self.spec, argument, environment)

    def make_archive(self, argument: str, environment: Environment) -> Archive:
        return PLUGINS.make(PLUGINS.archives, self.spec, argument, environment)


class TestSqlite(Registered):
    spec = "sqlite"
    argument = "{folder}/calls.db"
    wrong_arguments = ("\0", "{folder}", "/dev/null/calls.db")


class TestSqliteAtHome(Registered):
    spec = "sqlite"
    not_claimed: Mapping[str, str] = {"arguments": "tested with one"}


class TestJsonl(Registered):
    spec = "jsonl"
    argument = "{folder}/calls"
    wrong_arguments = ("", "\0", "/dev/null/calls")
    not_claimed: Mapping[str, str] = {
        "interrupted": "a folder is read, not marked: its archive shows them",
        "guard": "one folder belongs to one process",
    }
