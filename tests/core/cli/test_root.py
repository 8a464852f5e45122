"""The command line through its own door: `run(arguments)` gives the exit code."""

from __future__ import annotations

import json
import logging
import os
import runpy
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import typer
from tests.core.rig import AudioKit, load, rig

import offhook
import offhook.cli.root
from offhook import Phone, hookimpl
from offhook.cli import main
from offhook.cli.exit_codes import ExitCode, code_for_error, code_for_record
from offhook.cli.root import run
from offhook.errors import (
    CarrierProtocolError,
    ConfigError,
    CredentialsRejected,
    NumberRejected,
    OffhookError,
    RateLimited,
    RequestRejected,
    StartAmbiguous,
)
from offhook.plugin.manager import PluginReport, Plugins
from offhook.session.outcome import Disposition
from offhook.session.record import CallRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from offhook.plugin.registry import CommandRegistry


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No settings of the machine's, and the logging of before afterwards."""
    for name in ("SENDBLUE_API_API_KEY", "SENDBLUE_API_API_SECRET", "SENDBLUE_API_BASE_URL", "OFFHOOK_FROM_NUMBER"):
        monkeypatch.delenv(name, raising=False)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"offhook {offhook.__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["bogus"], ["call"], ["call", "--for", "x", "+14155550123"]])
def test_bad_usage_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == ExitCode.BAD_USAGE
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["call", "+14155550123", "--for", "0"], "--for 0"),
        (["call", "+14155550123", "--ring-timeout", "-1"], "--ring-timeout -1: give a positive"),
        (["call", "+14155550123"], "no Agora transport yet"),
        (["call", "+14155550123", "--transport", "bogus"], "no transport is called 'bogus'"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == ExitCode.BAD_USAGE
    printed = capsys.readouterr()
    assert says in printed.err
    assert len(printed.err.splitlines()) == 1
    assert printed.out == ""


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["4155550123"], "not an E.164 number"),
        (["+14155550123\n"], "not an E.164 number"),
        (["+1911"], "emergency"),
        (["+14155550123", "--from", "8885550199"], "the number to call from '8885550199' is not an E.164 number"),
        (["+14155550123", "--from", "+14155550123"], "a line cannot call itself"),
    ],
)
@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_bad_numbers_are_bad_usage_and_leave_nothing_behind(
    arguments: list[str],
    dry: list[str],
    says: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    phone = rig(plugins=load(AudioKit())).phone
    monkeypatch.setattr(Phone, "from_env", lambda **settings: phone)
    heard, out = tmp_path / "heard.wav", tmp_path / "out"
    assert run(["call", *arguments, *dry, "--listen", f"recorder:{heard}", "--out", str(out)]) == ExitCode.BAD_USAGE
    printed = capsys.readouterr()
    assert says in printed.err
    assert len(printed.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_with_json_a_refusal_is_a_document_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["call", "+14155550123", "--json"]) == ExitCode.BAD_USAGE
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "config"
    phone = rig().phone
    monkeypatch.setattr(Phone, "from_env", lambda **settings: phone)
    assert run(["call", "123", "--json"]) == ExitCode.BAD_USAGE
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "number_rejected"


class Commands:
    """A plugin that adds commands which end in every way there is."""

    __name__ = "commands"

    @hookimpl
    def offhook_command(self, registry: CommandRegistry) -> None:
        def fine() -> None:
            typer.echo("fine")

        def refused() -> None:
            raise ConfigError("SETTING is not set")

        def buggy() -> None:
            raise ZeroDivisionError("oops")

        def stops() -> None:
            sys.exit()

        def untyped(what: CommandRegistry) -> None: ...  # a name that is there for types alone

        registry.add("untyped", untyped)
        for command in (fine, refused, buggy, stops):
            registry.add(command.__name__, command)
        registry.add("absent", fine, summary="not here", extra="acme[sdk]", needs=("no_such_sdk",))


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> None:
    load = Plugins.load
    monkeypatch.setattr(Plugins, "load", lambda commands: load([Commands()], commands=commands))


@pytest.mark.usefixtures("commands")
def test_commands_of_plugins_are_mounted(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fine"]) == 0
    assert capsys.readouterr().out == "fine\n"
    assert run(["refused"]) == ExitCode.BAD_USAGE
    assert capsys.readouterr().err == "offhook: SETTING is not set\n"
    assert run(["buggy"]) == ExitCode.FAILED
    assert "bug in offhook: ZeroDivisionError: oops" in capsys.readouterr().err
    assert run(["stops"]) == ExitCode.COMPLETED


@pytest.mark.usefixtures("commands")
@pytest.mark.parametrize("arguments", [[], ["--json"], ["--port", "3", "x"]])
def test_a_command_that_lacks_a_package_says_what_to_install(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["absent", *arguments]) == ExitCode.BAD_USAGE
    said = capsys.readouterr().err
    assert said == 'offhook: offhook absent needs no_such_sdk, which is not installed: pip install "acme[sdk]"\n'
    assert run(["--help"]) == 0
    assert "not here" in capsys.readouterr().out


@pytest.mark.fault("F39")
@pytest.mark.usefixtures("commands")
def test_a_command_that_is_none_costs_the_others_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fine"]) == 0
    assert run(["untyped", "1"]) == ExitCode.FAILED
    said = capsys.readouterr().err
    assert (
        "plugin 'commands (given to the phone)' failed in offhook_command: 'untyped' is no command: NameError" in said
    )


def test_what_plugins_print_when_they_are_loaded_is_in_no_document(
    install: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    install("noisy", "print('downloading...')")
    assert run(["plugins", "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)
    assert printed.err.startswith("downloading...\n")


@pytest.mark.usefixtures("commands")
def test_a_bug_is_shown_whole_when_asked_for() -> None:
    with pytest.raises(ZeroDivisionError):
        run(["-vv", "buggy"])


@pytest.mark.usefixtures("commands")
def test_verbose_logs_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    secret = offhook.Secret("007-sentinel-token")
    assert run(["-v", "fine"]) == 0
    logging.getLogger("offhook").info("the token is %s", secret.reveal())
    logging.getLogger("offhook").debug("this is only for -vv")
    assert capsys.readouterr().err.endswith("INFO offhook: the token is [secret]\n")


def test_a_plugin_that_fails_is_named_and_the_rest_works(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    load = Plugins.load

    def with_a_broken_one(*, commands: bool) -> Plugins:
        plugins = load(commands=commands)
        plugins.reports.append(PluginReport("broken", "acme", "1.0", problem="RuntimeError: no licence"))
        return plugins

    monkeypatch.setattr(Plugins, "load", with_a_broken_one)
    assert run(["--version"]) == 0
    assert capsys.readouterr().err == "offhook: plugin broken (acme 1.0) was left out: RuntimeError: no licence\n"


def test_the_entry_point_exits_with_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["offhook", "--version"])
    with pytest.raises(SystemExit) as exit_:
        main()
    assert exit_.value.code == 0


def test_ctrl_c_before_there_is_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(arguments: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(offhook.cli.root, "run", interrupted)
    with pytest.raises(SystemExit) as exit_:
        main()
    assert exit_.value.code == ExitCode.INTERRUPTED


def test_python_m_offhook(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "offhook", "--version"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OFFHOOK_DISABLE_PLUGINS": "sqlight"},
    )
    assert done.stdout == f"offhook {offhook.__version__}\n"
    (told,) = done.stderr.splitlines()  # once, though it is logged as well
    assert told.startswith("offhook: OFFHOOK_DISABLE_PLUGINS names 'sqlight', and no plugin is called that")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NumberRejected("x"), ExitCode.BAD_USAGE),
        (CredentialsRejected("x"), ExitCode.REFUSED),
        (RequestRejected("x"), ExitCode.REFUSED),
        (RateLimited("x"), ExitCode.REFUSED),
        (CarrierProtocolError("x"), ExitCode.FAILED),
        (StartAmbiguous("x"), ExitCode.FAILED),
    ],
)
def test_the_code_of_an_error(error: OffhookError, code: ExitCode) -> None:
    assert code_for_error(error) is code


def test_every_disposition_has_a_code() -> None:
    from offhook.session.outcome import Cause, EndedBy, Outcome

    record = CallRecord("call_1", "", "")
    assert code_for_record(record) is ExitCode.FAILED
    for disposition in Disposition:
        record.outcome = Outcome(disposition, EndedBy.CALLER, Cause.NORMAL_CLEARING)
        assert code_for_record(record) in ExitCode


def test_the_package_runs_as_a_module(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["offhook", "--version"])
    with pytest.raises(SystemExit) as exit_:
        runpy.run_module("offhook", run_name="__main__")
    assert exit_.value.code == 0
    assert capsys.readouterr().out == f"offhook {offhook.__version__}\n"


def test_the_help_of_call_says_who_may_have_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["call", "--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "4 refused, by the carrier or before it was dialled" in said
