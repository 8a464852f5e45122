"""The application that typer runs: mounts the commands that plugins register, each imported when it is typed."""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

import offhook
from offhook.cli.early import EarlySignals
from offhook.cli.output import log_to_stderr, print_line
from offhook.plugin.isolation import as_plugin_error
from offhook.plugin.lazy_command import LazyCommand
from offhook.wording import printable

if TYPE_CHECKING:
    from offhook.errors import OffhookError
    from offhook.plugin.manager import Plugins
    from offhook.plugin.registry import Command, Registration


class _Root(TyperGroup):
    """The group of all commands. Each is built when it is typed, or when all are listed."""

    registered: dict[str, Registration[Command]]

    def list_commands(self, ctx: Any) -> list[str]:
        return [*self.registered]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in self.registered:  # the error names the nearest, so all must be known
            for name in self.registered:
                self.get_command(ctx, name)
        elif cmd_name not in self.commands:
            with EarlySignals(), contextlib.redirect_stdout(sys.stderr):  # as while plugins are loaded
                _mount(self, self.registered[cmd_name])
        return super().get_command(ctx, cmd_name)


def build(plugins: Plugins) -> TyperGroup:
    """Return the application with the commands of `plugins`."""
    app = typer.Typer(
        name="offhook",
        help="FaceTime calls through Sendblue, and a mock of the other side. Begin with: offhook demo",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback(cls=_Root)(_root)
    root = typer.main.get_group(app)
    assert isinstance(root, _Root)
    _make_plain(root)
    root.registered = {registration.name: registration for registration in plugins.commands}
    return root


def _mount(root: TyperGroup, registration: Registration[Command]) -> None:
    """Add a command. Each is built alone, so that a command that typer cannot use does not affect the others."""
    try:
        if registration.missing:
            raise registration.lack(f"offhook {registration.name}")
        command = typer.main.get_command(_app(_loaded(registration.factory)))
    except BaseException as error:
        doing = f"{registration.name!r} is not a command that typer can use: "
        problem = as_plugin_error(registration.plugin, "offhook_command", error, doing)
        command = typer.main.get_command(_app(_unavailable(problem), ignore_unknown_options=True))
    _make_plain(command)
    command.name = registration.name
    command.short_help = printable(registration.summary) or command.short_help
    root.add_command(command)


def _loaded(command: Command) -> Command:
    return command.load() if isinstance(command, LazyCommand) else command


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
