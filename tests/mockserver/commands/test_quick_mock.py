"""`offhook mock` without typer: the same options, and everything else is left to typer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer
from typer.main import get_command

from offhook_mockserver.commands import quick_mock as module
from offhook_mockserver.commands import serving
from offhook_mockserver.commands.mock import mock
from offhook_mockserver.commands.quick_mock import FLAGS, WITH_VALUE, quick_mock

if TYPE_CHECKING:
    from offhook_mockserver.commands.serving import MockOptions

_SCRIPTS = '[[callee]]\nnumber = "+14155550142"\nsteps = [{ ring = 1.0 }, "answer", "hang_up"]\n'


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[MockOptions]:
    """The options of the mocks that would have been served."""
    options: list[MockOptions] = []
    monkeypatch.setattr(serving, "serve_and_report", options.append)
    return options


def _typers(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        get_command(mock)(args=arguments)
    assert exit_.value.code == 0


def test_it_has_the_options_that_typer_has() -> None:
    options = {name: option for option in get_command(mock).params for name in option.opts if name != "--help"}
    assert {*FLAGS, *WITH_VALUE} == set(options)
    assert {name for name in options if getattr(options[name], "is_flag", False)} == set(FLAGS)
    assert {name for name in options if getattr(options[name], "multiple", False)} == {"--webhook-host"}


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--port", "8100", "--json"],
        ["--port=8100", "--open", "--lenient"],
        ["--recordings", "~/calls", "--env-file=.env.mock"],
        ["--webhook-host", "web", "--webhook-host=192.168.1.0/24"],
    ],
    ids=" ".join,
)
def test_it_reads_what_typer_reads(arguments: list[str], served: list[MockOptions]) -> None:
    assert quick_mock(arguments) == 0
    _typers(arguments)
    quick, slow = served
    assert quick == slow


def test_scripts_are_read_from_their_file(tmp_path: Path, served: list[MockOptions]) -> None:
    file = tmp_path / "callees.toml"
    file.write_text(_SCRIPTS)
    assert quick_mock(["--scripts", str(file)]) == 0
    _typers(["--scripts", str(file)])
    assert len(served[0].scripts["+14155550142"].steps) == 3
    assert served[0] == served[1]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["numbers"],
        ["exec", "--", "true"],
        ["--port"],
        ["--port", ""],
        ["--port", "70000"],
        ["--port", "eight"],
        ["--port", "1", "--port", "2"],
        ["--port", "--json"],
        ["--recordings", "--json"],
        ["--json=yes"],
        ["--jsno"],
        ["--scripts", "/nowhere/callees.toml"],
        ["--recordings", "~nobody-of-this-name/calls"],
    ],
    ids=" ".join,
)
def test_everything_else_is_typers(arguments: list[str], served: list[MockOptions]) -> None:
    assert quick_mock(arguments) is None
    assert served == []


def test_an_error_of_the_server_is_not_taken_for_one_of_the_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(options: MockOptions) -> None:
        raise typer.Exit(130)

    monkeypatch.setattr(serving, "serve_and_report", fail)
    with pytest.raises(typer.Exit):
        module.quick_mock([])
