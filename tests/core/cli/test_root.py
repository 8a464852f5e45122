"""The command line as a function: `run(arguments)` returns the exit code."""

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

import offhook
import offhook.cli.root
from offhook import hookimpl
from offhook.cli import application, built_in, main
from offhook.cli.exit_codes import ExitCode, code_for_error, code_for_record
from offhook.cli.root import run
from offhook.errors import (
    CarrierProtocolError,
    ConfigError,
    CredentialsRejected,
    GrantUnavailable,
    JoinTimeout,
    JournalError,
    NumberRejected,
    OffhookError,
    RateLimited,
    RequestRejected,
    StartAmbiguous,
    StorageError,
    TransportNotSetUp,
    TransportUnavailable,
)
from offhook.plugin.manager import PluginReport, Plugins
from offhook.session.outcome import Disposition
from offhook.session.record import CallRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from offhook.plugin.registry import CommandRegistry


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Removes the settings of this machine, and restores logging afterwards."""
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


def test_a_command_is_built_once() -> None:
    root = application.build(built_in.load())
    context = typer.Context(root)
    assert root.get_command(context, "plugins") is root.get_command(context, "plugins") is not None


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a phone needs; nothing listens at that address."""
    monkeypatch.setenv("SENDBLUE_API_API_KEY", "k" * 10)
    monkeypatch.setenv("SENDBLUE_API_API_SECRET", "s" * 10)
    monkeypatch.setenv("SENDBLUE_API_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("OFFHOOK_FROM_NUMBER", "+14155550100")


def assert_one_line(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == ExitCode.BAD_USAGE
    printed = capsys.readouterr()
    assert says in printed.err
    assert len(printed.err.splitlines()) == 1
    assert printed.out == ""


@pytest.mark.usefixtures("settings")
@pytest.mark.parametrize("dry_run", [[], ["--dry-run"]])
@pytest.mark.parametrize(
    ("number", "says"),
    [
        ("4155550123", "not an E.164 number"),
        ("+14155550123\n", "not an E.164 number"),
        ("+1911", "emergency"),
        ("+14155550123 --from 8885550199", "the number to call from '8885550199' is not an E.164 number"),
        ("+14155550123 --from +14155550123", "a line cannot call itself"),
    ],
)
def test_a_bad_number_is_rejected_in_one_sentence(
    number: str, says: str, dry_run: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert_one_line(["call", *number.split(" "), *dry_run], says, capsys)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--for", "0"], "--for"),
        (["--for", "nan"], "--for"),
        (["--ring-timeout", "-1"], "ring_timeout_s"),
        ([], "are not set: export your Sendblue keys"),
        (["--transport", "bogus"], "no transport is called 'bogus'"),
    ],
)
def test_a_bad_option_is_rejected_in_one_sentence(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_one_line(["call", "+14155550123", *arguments], says, capsys)


@pytest.mark.usefixtures("settings")
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["123"], "number_rejected"),
        (["+14155550123", "--transport", "bogus"], "spec"),
        (["+14155550123", "--for", "0"], "config"),
    ],
)
def test_with_json_an_error_is_a_document_too(
    arguments: list[str], code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["call", *arguments, "--json"]) == ExitCode.BAD_USAGE
    document = json.loads(capsys.readouterr().out)
    assert (document["disposition"], document["error"]["code"]) == (None, code)


class Commands:
    """A plugin whose commands end in every possible way."""

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

        group = typer.Typer(help="Several.")
        group.command("one")(fine)
        group.command("two")(refused)
        registry.add("group", group)
        registry.add("untyped", untyped)
        for command in (fine, refused, buggy, stops):
            registry.add(command.__name__, command)
        registry.add("absent", fine, summary="not here", extra="acme[sdk]", needs=("no_such_sdk",))


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> None:
    load = Plugins.load
    monkeypatch.setattr(
        Plugins, "load", lambda commands, builtin: load([Commands()], commands=commands, builtin=builtin)
    )


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
def test_a_plugin_can_add_a_group_of_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["group", "one"]) == 0
    assert run(["group", "two"]) == ExitCode.BAD_USAGE
    assert capsys.readouterr() == ("fine\n", "offhook: SETTING is not set\n")
    assert run(["--help"]) == 0
    assert "group        Several." in capsys.readouterr().out


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
def test_an_invalid_command_costs_the_others_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fine"]) == 0
    assert run(["untyped", "1"]) == ExitCode.FAILED
    said = capsys.readouterr().err
    assert (
        "plugin 'commands (given to the phone)' failed in offhook_command: "
        "'untyped' is not a command that typer can use: NameError" in said
    )


def test_what_plugins_print_while_they_load_goes_to_standard_error(
    install: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    install("noisy", "print('downloading...')")
    assert run(["plugins", "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)
    assert printed.err.startswith("downloading...\n")


@pytest.mark.usefixtures("commands")
def test_vv_shows_the_traceback_of_a_bug(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["-vv", "buggy"]) == ExitCode.FAILED
    *_, raising, error, complaint = capsys.readouterr().err.splitlines()
    assert raising.strip() == 'raise ZeroDivisionError("oops")'
    assert error == "    ZeroDivisionError: oops"
    assert "this is a bug in offhook: ZeroDivisionError: oops" in complaint


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

    def with_a_broken_one(*, commands: bool, builtin: Iterable[object]) -> Plugins:
        plugins = load(commands=commands, builtin=builtin)
        plugins.reports.append(PluginReport("broken", "acme", "1.0", problem="RuntimeError: no licence"))
        return plugins

    monkeypatch.setattr(Plugins, "load", with_a_broken_one)
    assert run(["--version"]) == 0
    assert capsys.readouterr().err == "offhook: plugin broken (acme 1.0) was left out: RuntimeError: no licence\n"


def test_lost_output_is_mentioned_and_changes_no_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(offhook.cli.root, "lost_output", lambda: "No space left on device")
    assert run(["--version"]) == 0
    said = "offhook: standard output lacks a part of what was printed: No space left on device\n"
    assert capsys.readouterr().err == said


def test_texts_of_plugins_and_arguments_are_not_read_as_markup(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["call", "+14155550123", "[/red]", "[bold]x"]) == ExitCode.BAD_USAGE
    assert "[/red]" in capsys.readouterr().err


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
    (line,) = done.stderr.splitlines()  # once, though it is logged as well
    assert line.startswith("offhook: OFFHOOK_DISABLE_PLUGINS names 'sqlight', but no plugin has that name")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NumberRejected("x"), ExitCode.BAD_USAGE),
        (StorageError("x"), ExitCode.BAD_USAGE),
        (JournalError("x"), ExitCode.FAILED),
        (JoinTimeout("x"), ExitCode.FAILED),
        (TransportNotSetUp("x"), ExitCode.BAD_USAGE),
        (TransportUnavailable("x"), ExitCode.FAILED),
        (GrantUnavailable("x"), ExitCode.FAILED),
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


def test_the_help_of_call_names_who_may_refuse(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["call", "--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "4 refused by the carrier or before it was dialled" in said
