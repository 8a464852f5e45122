"""Commands that are imported when they are typed."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from offhook.cli.root import run
from offhook.errors import ConfigError
from offhook.plugin import LazyCommand, hookimpl

if TYPE_CHECKING:
    from offhook.plugin import CommandRegistry

_MODULE = "acme_lazy_commands"


class Acme:
    """A plugin with one lazy command."""

    def __init__(self, command: LazyCommand, needs: tuple[str, ...] = ()) -> None:
        self._command = command
        self._needs = needs

    @hookimpl
    def offhook_command(self, registry: CommandRegistry) -> None:
        registry.add("ring", self._command, summary="Ring.", needs=self._needs)


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the commands of the module were called with."""
    called: list[str] = []

    def ring(name: str = "nobody") -> None:
        called.append(f"typer {name}")

    def quick(arguments: list[str]) -> int | None:
        called.append(f"quick {' '.join(arguments)}")
        return None if "--help" in arguments or "other" in arguments else 7

    def stopped(arguments: list[str]) -> int | None:
        import typer

        raise typer.Exit(130)

    def broken(arguments: list[str]) -> int | None:
        raise RuntimeError("it is broken")

    module = ModuleType(_MODULE)
    vars(module).update(ring=ring, quick=quick, stopped=stopped, broken=broken)
    monkeypatch.setitem(sys.modules, _MODULE, module)
    return called


def _install(monkeypatch: pytest.MonkeyPatch, plugin: object) -> None:
    from offhook.cli import built_in
    from offhook.plugin import Plugins

    monkeypatch.setattr(built_in, "load", lambda: Plugins.load([plugin], {}, commands=True))


def test_it_is_called_as_the_command_is(rung: list[str]) -> None:
    LazyCommand(f"{_MODULE}:ring")("Ann")
    assert rung == ["typer Ann"]


@pytest.mark.parametrize("home", ["", "ring", ":ring", f"{_MODULE}:"])
def test_a_home_has_a_module_and_a_name(home: str) -> None:
    with pytest.raises(ConfigError, match="home"):
        LazyCommand(home)
    if home:
        with pytest.raises(ConfigError, match="quick"):
            LazyCommand(f"{_MODULE}:ring", quick=home)


def test_the_quick_function_runs_first(rung: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    _install(monkeypatch, Acme(LazyCommand(f"{_MODULE}:ring", quick=f"{_MODULE}:quick")))
    assert run(["ring", "now"]) == 7
    assert rung == ["quick now"]


def test_what_it_leaves_is_read_by_typer(rung: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    _install(monkeypatch, Acme(LazyCommand(f"{_MODULE}:ring", quick=f"{_MODULE}:quick")))
    assert run(["ring", "--name", "other"]) == 0
    assert rung == ["quick --name other", "typer other"]


def test_a_command_without_one_is_typers(rung: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    _install(monkeypatch, Acme(LazyCommand(f"{_MODULE}:ring")))
    assert run(["ring"]) == 0
    assert rung == ["typer nobody"]


def test_a_signal_in_it_gives_the_exit_code(rung: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    _install(monkeypatch, Acme(LazyCommand(f"{_MODULE}:ring", quick=f"{_MODULE}:stopped")))
    assert run(["ring"]) == 130


def test_a_mistake_in_it_is_told(
    rung: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _install(monkeypatch, Acme(LazyCommand(f"{_MODULE}:ring", quick=f"{_MODULE}:broken")))
    assert run(["ring"]) == 1
    assert "it is broken" in capsys.readouterr().err


def test_one_that_is_not_there_is_typers_to_tell(
    rung: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _install(monkeypatch, Acme(LazyCommand(f"{_MODULE}:lost", quick=f"{_MODULE}:lost")))
    assert run(["ring"]) == 1
    assert "'ring' is not a command that typer can use" in capsys.readouterr().err


def test_what_is_not_installed_is_told(
    rung: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _install(monkeypatch, Acme(LazyCommand(f"{_MODULE}:ring", quick=f"{_MODULE}:quick"), needs=("acme_sdk",)))
    assert run(["ring"]) != 0
    assert "acme_sdk" in capsys.readouterr().err
    assert rung == []


def test_only_the_command_that_is_typed_is_imported(rung: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    _install(monkeypatch, Acme(LazyCommand(f"{_MODULE}:ring")))
    monkeypatch.delitem(sys.modules, "offhook.cli.records.command", raising=False)
    monkeypatch.delitem(sys.modules, "offhook_agora.agora_command", raising=False)
    assert run(["ring"]) == 0
    assert "offhook.cli.records.command" not in sys.modules
    assert "offhook_agora.agora_command" not in sys.modules
