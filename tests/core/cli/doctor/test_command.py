"""``offhook doctor``: printed for people and as JSON, with an exit code, and without secrets."""

from __future__ import annotations

import functools
import json
import sys
from typing import TYPE_CHECKING

import pytest

from offhook import Secret
from offhook.cli.doctor import checks, command
from offhook.cli.doctor.diagnosis import diagnose
from offhook.cli.exit_codes import ExitCode
from offhook.cli.root import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Removes what this machine sets."""
    monkeypatch.setattr(checks, "shadowed", list)
    for name in ("OFFHOOK_TRANSPORT", "OFFHOOK_STORE", "OFFHOOK_DISABLE_PLUGINS", "SENDBLUE_API_API_SECRET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OFFHOOK_HOME", str(tmp_path / "home"))


def test_nothing_wrong(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["doctor"]) == ExitCode.COMPLETED
    printed = capsys.readouterr().out
    assert "fine  plugin sqlite (offhook 0.1.0): offhook_sqlite (" in printed
    assert "fine  store: sqlite: it can be read, and holds no calls yet\n" in printed
    assert printed.endswith("\nnothing is wrong\n")
    assert not (tmp_path / "home").exists(), "looking makes nothing"


def test_findings_of_plugins_are_escaped(install: Callable[..., str], capsys: pytest.CaptureFixture[str]) -> None:
    install(
        "acme",
        """
        from offhook.interfaces import Finding, Level
        from offhook.plugin import hookimpl

        @hookimpl
        def offhook_diagnosis(registry):
            registry.add("acme", lambda settings: [Finding(Level.NOTE, "acme", "\\x1b[2Jnew\\nline", ("\\u202e",))])
        """,
    )
    assert run(["doctor"]) == ExitCode.COMPLETED
    assert "note  acme: \\x1b[2Jnew\\nline\n        \\u202e\n" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["doctor"], ["doctor", "--json"]])
def test_the_report_is_on_standard_output_when_a_check_hangs(
    arguments: list[str],
    install: Callable[..., str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install(
        "acme",
        """
        import threading
        from offhook.plugin import hookimpl

        @hookimpl
        def offhook_diagnosis(registry):
            registry.add("hangs", lambda settings: threading.Event().wait())
        """,
    )
    monkeypatch.setattr(sys, "stdout", sys.stdout)  # to be restored
    monkeypatch.setattr(command, "diagnose", functools.partial(diagnose, limit_s=0.2))
    assert run(arguments) == ExitCode.FAILED
    printed = capsys.readouterr()
    assert "it did not end within 0.2 s" in printed.out
    assert "did not end" not in printed.err


def test_something_wrong(
    install: Callable[..., str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = Secret("sesame-open-up")
    module = install("bad", "raise ValueError('key sesame-open-up is wrong')")
    monkeypatch.setenv("OFFHOOK_TRANSPORT", "pigeon")
    monkeypatch.setenv("OFFHOOK_HOME", "/nowhere/sesame-open-up")
    assert run(["doctor"]) == ExitCode.FAILED
    printed = capsys.readouterr()
    assert "WRONG plugin bad (bad-offhook 1.0): left out: ValueError: key [secret] is wrong\n        " in printed.out
    assert f"{module}.py:1 in <module>: raise ValueError('key [secret] is wrong')" in printed.out
    assert "home: /nowhere/[secret] can" in printed.out
    assert "WRONG transport: OFFHOOK_TRANSPORT names 'pigeon', but no transport is called 'pigeon'" in printed.out
    assert printed.out.endswith("\n2 things are wrong\n")
    assert printed.err == "offhook: plugin bad (bad-offhook 1.0) was left out: ValueError: key [secret] is wrong\n"
    assert run(["doctor", "--json"]) == ExitCode.FAILED
    document = json.loads(capsys.readouterr().out)
    assert document["wrong"] == 2
    (bad,) = (finding for finding in document["findings"] if finding["topic"] == "plugin bad (bad-offhook 1.0)")
    assert (bad["level"], bad["text"]) == ("wrong", "left out: ValueError: key [secret] is wrong")
    assert len(bad["lines"]) == 1
    assert secret
