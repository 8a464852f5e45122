"""The root of the command line: mounts the commands that plugins register, and turns errors into exit codes."""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

import offhook
from offhook.cli import built_in
from offhook.cli.early import EarlySignals
from offhook.cli.exit_codes import ExitCode, code_for_error
from offhook.cli.output import log_to_stderr, log_warnings_safely, print_complaint, print_line, printed_here
from offhook.cli.streams import lost_output
from offhook.errors import OffhookError
from offhook.plugin.isolation import as_plugin_error
from offhook.secret import redact
from offhook.wording import describe, printable

if TYPE_CHECKING:
    from typer.core import TyperGroup

    from offhook.plugin.manager import Plugins
    from offhook.plugin.registry import Command, Registration

_log = logging.getLogger(__name__)


def build(plugins: Plugins) -> TyperGroup:
    """Return the application with the commands of `plugins`."""
    app = typer.Typer(
        name="offhook",
        help="FaceTime calls through Sendblue, and a mock of the other side. Begin with: offhook demo",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(_root)
    root = typer.main.get_group(app)
    _make_plain(root)
    for registration in plugins.commands:
        _mount(root, registration)
    return root


def _mount(root: TyperGroup, registration: Registration[Command]) -> None:
    """Add a command. Each is built alone, so that a command that typer cannot use does not affect the others."""
    try:
        if registration.missing:
            raise registration.lack(f"offhook {registration.name}")
        command = typer.main.get_command(_app(registration.factory))
    except BaseException as error:
        doing = f"{registration.name!r} is not a command that typer can use: "
        problem = as_plugin_error(registration.plugin, "offhook_command", error, doing)
        command = typer.main.get_command(_app(_unavailable(problem), ignore_unknown_options=True))
    _make_plain(command)
    command.name = registration.name
    command.short_help = printable(registration.summary) or command.short_help
    root.add_command(command)


def _make_plain(command: Any) -> None:
    """Print help and usage errors without rich: it would read the texts of plugins and arguments as its markup, and
    write escape sequences."""
    command.rich_markup_mode = None
    for below in getattr(command, "commands", {}).values():
        _make_plain(below)


def _app(command: Command, **settings: bool) -> typer.Typer:
    """A function or a group of commands as an application of its own."""
    if isinstance(command, typer.Typer):
        return command
    app = typer.Typer(add_completion=False)
    app.command(context_settings=settings)(command)
    return app


def _unavailable(problem: OffhookError) -> Command:
    """Return a command that stands for one that cannot be used: with any arguments, it raises `problem`."""

    def unavailable(arguments: Annotated[list[str] | None, typer.Argument(hidden=True)] = None) -> None:
        raise problem

    unavailable.__doc__ = "Cannot be used here; run it to see why."
    return unavailable


def run(arguments: list[str]) -> int:
    """Run the command line; returns the exit code. Errors are printed as one line; ``-vv`` shows their traceback."""
    code: object = ExitCode.COMPLETED
    log_warnings_safely()
    try:
        with printed_here():
            with EarlySignals(), contextlib.redirect_stdout(sys.stderr):
                plugins = built_in.load()  # documents must hold nothing that plugins print
                application = build(plugins)
            for complaint in plugins.complaints:
                print_complaint(complaint)
            application(args=arguments, prog_name="offhook", obj=plugins)
    except SystemExit as exit_:  # typer always ends with it
        code = exit_.code
    except OffhookError as error:
        print_complaint(error.message)
        code = code_for_error(error)
    except Exception as error:
        _log.debug("this is a bug in offhook", exc_info=True)
        print_complaint(f"this is a bug in offhook: {redact(describe(error))}. Please report it with the output of -vv")
        code = ExitCode.FAILED
    if lost := lost_output():
        print_complaint(f"standard output lacks a part of what was printed: {lost}")
    return code if isinstance(code, int) else ExitCode.COMPLETED


def _show_version(wanted: bool) -> None:
    if wanted:
        print_line(f"offhook {offhook.__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_show_version)
    ] = False,
    verbose: Annotated[
        int, typer.Option("-v", "--verbose", count=True, help="Log what happens to standard error; -vv logs more.")
    ] = 0,
) -> None:
    if verbose:
        log_to_stderr(logging.DEBUG if verbose > 1 else logging.INFO)
