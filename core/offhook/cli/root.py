"""The root of the command line: its own commands, and those that plugins register."""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import TYPE_CHECKING, Annotated

import typer

import offhook
from offhook.cli.call.command import call
from offhook.cli.conformance_command import conformance
from offhook.cli.docs_command import docs_command
from offhook.cli.doctor.command import doctor_command
from offhook.cli.exit_codes import ExitCode, code_for_error
from offhook.cli.plugins_command import plugins_command
from offhook.cli.records.command import records
from offhook.errors import OffhookError
from offhook.plugin.isolation import as_plugin_error
from offhook.plugin.manager import PLUGINS_LOGGER, Plugins
from offhook.secret import RedactingFilter, redact

if TYPE_CHECKING:
    from offhook.plugin.registry import Command, Registration


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
    app.command("docs")(docs_command)
    app.command("doctor")(doctor_command)
    app.add_typer(records, name="records")
    for registration in plugins.commands:
        problem = _problem(registration)
        command = registration.factory if problem is None else _unavailable(problem)
        loose = {"ignore_unknown_options": True} if problem is not None else None
        app.command(registration.name, short_help=registration.summary or None, context_settings=loose)(command)
    return app


def _problem(registration: Registration[Command]) -> OffhookError | None:
    """What keeps a command from being used."""
    if registration.missing:
        return registration.lack(f"offhook {registration.name}")
    try:
        trial = typer.Typer()
        trial.command()(registration.factory)
        typer.main.get_command(trial)  # alone: one that typer does not understand would take the others with it
    except BaseException as error:
        return as_plugin_error(registration.plugin, "offhook_command", error, f"{registration.name!r} is no command: ")
    return None


def _unavailable(problem: OffhookError) -> Command:
    """Stands for a command that cannot be used: whatever its arguments, it says why and what to do."""

    def unavailable(arguments: Annotated[list[str] | None, typer.Argument(hidden=True)] = None) -> None:
        raise problem

    unavailable.__doc__ = "Not usable here; it says why."
    return unavailable


def run(arguments: list[str]) -> int:
    """Run the command line; gives the exit code. No error leaves as a traceback unless ``-vv`` asks for it."""
    code: object = ExitCode.COMPLETED
    told_here = logging.NullHandler()  # Python prints warnings that no handler takes
    logging.getLogger(PLUGINS_LOGGER).addHandler(told_here)
    try:
        with contextlib.redirect_stdout(sys.stderr):  # what plugins print must not get into documents
            plugins = Plugins.load(commands=True)
        for complaint in plugins.complaints:
            typer.echo(f"offhook: {complaint}", err=True)
        build(plugins)(args=arguments, prog_name="offhook", obj=plugins)
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
    finally:
        logging.getLogger(PLUGINS_LOGGER).removeHandler(told_here)
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
