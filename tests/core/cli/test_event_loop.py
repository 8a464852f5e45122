"""The loop of commands."""

from __future__ import annotations

import asyncio
import sys
from types import ModuleType
from typing import TYPE_CHECKING

from offhook.cli import Stop, run
from offhook.cli.event_loop import PACKAGE, describe_loop, loop_factory

if TYPE_CHECKING:
    import pytest


class OtherLoop(asyncio.SelectorEventLoop):
    """Stands in for uvloop's."""


def _installed(monkeypatch: pytest.MonkeyPatch, **names: object) -> None:
    module = ModuleType(PACKAGE)
    vars(module).update(names)
    monkeypatch.setitem(sys.modules, PACKAGE, module)


def test_without_the_extra_it_is_asyncios_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, PACKAGE, None)
    assert loop_factory() is None
    assert describe_loop() == 'asyncio\'s own; commands cost less CPU with uvloop: pip install "offhook[fast]"'


def test_commands_run_on_uvloop_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    _installed(monkeypatch, new_event_loop=OtherLoop, __version__="0.23.0")
    assert describe_loop() == "uvloop 0.23.0, in commands"

    async def loop_of(stop: Stop) -> type:
        return type(asyncio.get_running_loop())

    assert run(loop_of) is OtherLoop


def test_one_that_cannot_be_used_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    _installed(monkeypatch)
    assert loop_factory() is None
    assert describe_loop() == "asyncio's own, because uvloop cannot be used (AttributeError)"
