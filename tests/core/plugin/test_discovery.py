"""Finding plugins and modules: offhook's own plugins come first, and no code of a module runs."""

from __future__ import annotations

import sys
import types
from typing import TYPE_CHECKING

import pytest

from offhook.plugin.discovery import installed, is_installed, origin_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_ours_come_first(install: Callable[..., str]) -> None:
    install("aaa")
    names = [point.name for point, _ in installed({}).plugins]
    assert names == [*sorted(names[:-1]), "aaa"]


@pytest.fixture
def sdk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that must not be imported."""
    monkeypatch.syspath_prepend(tmp_path)
    package = tmp_path / "sdk_that_exits"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('it was imported')")
    (package / "rtc.py").write_text("raise SystemExit('it was imported')")
    return package


@pytest.mark.fault("F39")
def test_a_dotted_name_is_found_without_an_import(sdk: Path) -> None:
    assert is_installed("sdk_that_exits")
    assert is_installed("sdk_that_exits.rtc")
    assert not is_installed("sdk_that_exits.rtm")
    assert not is_installed("sdk_that_exits.rtc.more"), "a module has nothing below it"
    assert origin_of("sdk_that_exits.rtc") == str(sdk / "rtc.py")
    assert not [name for name in sys.modules if name.startswith("sdk_that_exits")]


@pytest.mark.parametrize("name", ["no_such_module", "no_such_module.sub", "..", "", "json.no_such_module"])
def test_a_name_that_is_not_installed(name: str) -> None:
    assert not is_installed(name)
    assert origin_of(name) == ""


def test_a_module_that_is_loaded_counts_as_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_installed("os.path")
    monkeypatch.setitem(sys.modules, "by_hand", types.ModuleType("by_hand"))
    assert is_installed("by_hand")
    assert origin_of("by_hand") == ""
    assert not is_installed("by_hand.below")
    monkeypatch.setitem(sys.modules, "blocked", None)
    assert not is_installed("blocked")
