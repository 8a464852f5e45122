"""The root of the command line: loads the plugins, runs a command, and turns errors into exit codes."""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import TYPE_CHECKING

from offhook.cli import built_in
from offhook.cli.early import EarlySignals
from offhook.cli.exit_codes import ExitCode, code_for_error
from offhook.cli.output import log_warnings_safely, print_complaint, printed_here
from offhook.cli.streams import lost_output
from offhook.errors import OffhookError
from offhook.plugin.lazy_command import LazyCommand
from offhook.secret import redact
from offhook.wording import describe

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.plugin.manager import Plugins

_log = logging.getLogger(__name__)


def run(arguments: list[str]) -> int:
    """Run the command line; returns the exit code. Errors are printed as one line; ``-vv`` shows their traceback."""
    code: object = ExitCode.COMPLETED
    log_warnings_safely()
    try:
        with printed_here():
            with EarlySignals(), contextlib.redirect_stdout(sys.stderr):
                plugins = built_in.load()  # documents must hold nothing that plugins print
            for complaint in plugins.complaints:
                print_complaint(complaint)
            code = _run_command(plugins, arguments)
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


def _run_command(plugins: Plugins, arguments: list[str]) -> object:
    """Run the command that was typed; returns its exit code, or raises SystemExit with it, as typer does."""
    with EarlySignals(), contextlib.redirect_stdout(sys.stderr):
        quick = _quick(plugins, arguments[:1])
    code = None if quick is None else _run_quickly(quick, arguments[1:])
    if code is not None:
        return code
    with EarlySignals(), contextlib.redirect_stdout(sys.stderr):
        from offhook.cli.application import build  # imports typer

        application = build(plugins)
    return application(args=arguments, prog_name="offhook", obj=plugins)


def _quick(plugins: Plugins, typed: list[str]) -> Callable[[list[str]], int | None] | None:
    for registration in plugins.commands:
        if [registration.name] == typed and isinstance(registration.factory, LazyCommand) and not registration.missing:
            with contextlib.suppress(Exception):  # typer's way tells what is wrong with it
                return registration.factory.load_quick()
    return None


def _run_quickly(quick: Callable[[list[str]], int | None], arguments: list[str]) -> int | None:
    try:
        return quick(arguments)
    except RuntimeError as error:
        from typer import Exit  # which `offhook.cli.run` raises after a signal

        if isinstance(error, Exit):
            return error.exit_code
        raise
