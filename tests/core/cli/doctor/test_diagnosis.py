"""Checks of plugins: one that raises, hangs or yields nonsense is named, and costs the others nothing."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

import pytest
from tests.core.rig import ALONE

from offhook.cli.doctor.diagnosis import diagnose
from offhook.interfaces.diagnosis import Finding, Level
from offhook.interfaces.environment import Environment
from offhook.plugin.hookspecs import hookimpl
from offhook.plugin.manager import Plugins

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from offhook.plugin.registry import DiagnosisRegistry

FINE = Finding(Level.FINE, "acme", "ACME_URL is set")


class Acme:
    """A plugin with one check, between those of offhook and a last one."""

    def __init__(self, check: Callable[[Environment], Iterable[Finding]], needs: tuple[str, ...] = ()) -> None:
        self._check = check
        self._needs = needs

    @hookimpl
    def offhook_diagnosis(self, registry: DiagnosisRegistry) -> None:
        registry.add("acme", self._check, needs=self._needs)
        registry.add("last", lambda environment: [Finding(Level.NOTE, "last", environment["LAST"])])


def diagnosed(acme: Acme, limit_s: float = 60) -> list[Finding]:
    """Return the findings without that of the last check, which must run whatever the first one does."""
    plugins = Plugins.load([acme], ALONE, commands=True)
    *found, last = diagnose(plugins, Environment({"LAST": "as ever"}), limit_s)
    assert last == Finding(Level.NOTE, "last", "as ever")
    return found


def test_what_a_check_of_a_plugin_finds() -> None:
    assert diagnosed(Acme(lambda environment: [FINE, FINE])) == [FINE, FINE]
    assert diagnosed(Acme(lambda environment: ())) == []


class Panic(BaseException):
    """As native code raises it."""


@pytest.mark.fault("F39")
@pytest.mark.parametrize("error", [ZeroDivisionError("oops"), SystemExit(3), KeyboardInterrupt(), Panic("oops")])
def test_a_check_that_raises_is_named(error: BaseException) -> None:
    def check(environment: Environment) -> Iterator[Finding]:
        yield FINE
        raise error

    fine, broken = diagnosed(Acme(check))
    assert fine == FINE, "what it found before is kept"
    assert (broken.level, broken.subject) == (Level.WRONG, "the check 'acme'")
    assert broken.text.startswith("plugin 'Acme (given to the phone)' failed in the check 'acme': ")
    assert type(error).__name__ in broken.text


@pytest.mark.fault("F39")
@pytest.mark.parametrize(
    "nonsense",
    [None, [None], ["fine"], [Finding("fine", "a", "b")], [Finding(Level.FINE, "a", b"b")]],  # type: ignore[arg-type]
)
def test_a_check_that_yields_anything_else_is_named(nonsense: Iterable[Finding]) -> None:
    (broken,) = diagnosed(Acme(lambda environment: nonsense))
    assert broken.level is Level.WRONG
    assert "failed in the check 'acme': " in broken.text
    if nonsense:
        assert "expected a Finding" in broken.text
        assert "offhook docs hooks#offhook_diagnosis" in broken.text


@pytest.mark.fault("F31")
def test_a_check_that_hangs_is_left_behind_and_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdout", sys.stdout)  # to be restored
    freed = threading.Event()

    def check(environment: Environment) -> Iterator[Finding]:
        yield FINE
        freed.wait()
        print("late")

    try:
        fine, hanging = diagnosed(Acme(check), limit_s=0.05)
        assert fine == FINE
        (left,) = (thread for thread in threading.enumerate() if thread.name == "offhook-check-acme")
        assert left.daemon, "it must not keep the process from ending"
    finally:
        freed.set()
    left.join()
    assert capsys.readouterr() == ("", "late\n"), "it prints into no document"
    assert hanging.level is Level.WRONG
    assert hanging.text == (
        "plugin 'Acme (given to the phone)' failed in the check 'acme': it did not end within 0.05 s"
    )


def test_a_check_that_lacks_a_package_is_not_run() -> None:
    assert diagnosed(Acme(lambda environment: [FINE], needs=("no_such_sdk",))) == []


def test_what_a_check_prints_is_in_no_document(capsys: pytest.CaptureFixture[str]) -> None:
    def check(environment: Environment) -> list[Finding]:
        sys.stdout.write("checking...\n")
        return [FINE]

    assert diagnosed(Acme(check)) == [FINE]
    assert capsys.readouterr() == ("", "checking...\n")
