"""The root of the command line: its own commands, and those that plugins register."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated

import typer

import offhook
from offhook.cli.call_command import call
from offhook.cli.conformance_command import conformance
from offhook.cli.exit_codes import ExitCode, code_for_error
from offhook.cli.plugins_command import plugins_command
from offhook.cli.records_command import records
from offhook.errors import MissingExtraError, OffhookError
from offhook.plugins import Plugins
from offhook.secret import RedactingFilter, redact

if TYPE_CHECKING:
    from offhook.registry import Command, Registration


def build(plugins: Plugins) -> typer.Typer:
    """The application with the commands of `plugins`."""
    app = typer.Typer(
        name="offhook",
        help="FaceTime calls through Sendblue, and a mock of the other side. Begin with: offhook demo",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(_root)
    app.command("call")(call)
    app.command("plugins")(plugins_command)
    app.command("conformance")(conformance)
    app.add_typer(records, name="records")
    for registration in plugins.commands:
        command = _unavailable(registration) if registration.missing else registration.factory
        loose = {"ignore_unknown_options": True} if registration.missing else None
        app.command(registration.name, short_help=registration.summary or None, context_settings=loose)(command)
    return app


def _unavailable(registration: Registration[Command]) -> Command:
    """Stands for a command that lacks a package: whatever its arguments, it says what to install."""

    def unavailable(arguments: Annotated[list[str] | None, typer.Argument(hidden=True)] = None) -> None:
        raise MissingExtraError(registration.extra or registration.missing[0], f"offhook {registration.name}")

    unavailable.__doc__ = f"Not installed: {', '.join(registration.missing)}."
    return unavailable


def run(arguments: list[str]) -> int:
    """Run the command line; gives the exit code. No error leaves as a traceback unless ``-vv`` asks for it."""
    code: object = ExitCode.COMPLETED
    try:
        plugins = Plugins.load(commands=True)
        for problem in plugins.problems:
            typer.echo(f"offhook: plugin {problem.label} was left out: {problem.problem}", err=True)
        build(plugins)(args=arguments, prog_name="offhook")
    except SystemExit as exit_:  # typer always ends so
        code = exit_.code
    except OffhookError as error:
        typer.echo(f"offhook: {error.message}", err=True)
        code = code_for_error(error)
    except Exception as error:
        if logging.getLogger("offhook").isEnabledFor(logging.DEBUG):
            raise
        what = redact(f"{type(error).__name__}: {error}")
        typer.echo(f"offhook: this is a bug in offhook: {what}. Please report it with what -vv prints", err=True)
        code = ExitCode.FAILED
    return code if isinstance(code, int) else ExitCode.COMPLETED


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"offhook {offhook.__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_show_version)
    ] = False,
    verbose: Annotated[int, typer.Option("-v", "--verbose", count=True, help="Log what happens; -vv logs more.")] = 0,
) -> None:
    if verbose:
        handler = logging.StreamHandler()
        handler.addFilter(RedactingFilter())
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        logging.basicConfig(level=logging.DEBUG if verbose > 1 else logging.INFO, handlers=[handler], force=True)
