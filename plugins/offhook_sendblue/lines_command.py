"""``offhook lines``: the lines of the account, as Sendblue lists them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from offhook.cli import ExitCode, code_for_error, print_complaint, print_json, print_line, run
from offhook.errors import ConfigError, OffhookError
from offhook.interfaces import Environment
from offhook.wording import quoted

if TYPE_CHECKING:
    from offhook.plugin import Plugins
    from offhook_sendblue.lines import Line

CARRIER_VARIABLE: Final = "OFFHOOK_CARRIER"
AUTH_VARIABLE: Final = "OFFHOOK_AUTH"
_ROW: Final = "{:<17} {:<9} {:<13} {}"


def lines(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """List the lines of the account with their states, and which one a call would be from. Nothing rings.

    Sendblue does not say which lines can place FaceTime calls. Set OFFHOOK_FROM_NUMBER to one of them, or to "auto", so
    that each call chooses.

    Exit codes: 0, 2 bad settings or a line that is not in the list, 4 the keys were rejected, 1 the API did not answer
    as it should.
    """
    try:
        found, choice = run(lambda stop: _ask(context.obj, Environment.of_process()))
    except OffhookError as error:
        print_complaint(error.message)
        raise typer.Exit(code_for_error(error)) from None
    problem = _problem(choice, found)
    if as_json:
        print_json({"lines": [_document(line) for line in found], "from_number": choice})
    else:
        _print_table(found)
        if found and not problem:
            print_line()
            print_line(_sentence(choice, found))
    if problem:
        print_complaint(problem)
        raise typer.Exit(ExitCode.BAD_USAGE)


def _print_table(found: tuple[Line, ...]) -> None:
    if not found:
        print_line("the account has no lines")
        return
    print_line(_ROW.format("number", "state", "assignment", "since").rstrip())
    for line in found:
        row = _ROW.format(line.number, line.status, line.assignment or "-", line.status_changed_at or "-")
        print_line(row.rstrip())


async def _ask(plugins: Plugins, environment: Environment) -> tuple[tuple[Line, ...], str]:
    """Return the lines of the account, and the setting of the line to call from."""
    from offhook_sendblue.answer import FROM_NUMBER_VARIABLE
    from offhook_sendblue.carrier import SendblueCarrier

    named = environment.get(CARRIER_VARIABLE) or "sendblue"
    if named != "sendblue":
        raise ConfigError(f"offhook lines asks Sendblue, and {CARRIER_VARIABLE} is {quoted(named)}: unset it")
    auth = plugins.make(plugins.auth, environment.get(AUTH_VARIABLE) or "env", environment)
    carrier = SendblueCarrier.from_environment(environment, auth)
    try:
        return await carrier.lines(), environment.get(FROM_NUMBER_VARIABLE) or ""
    finally:
        await carrier.aclose()


def _problem(choice: str, found: tuple[Line, ...]) -> str:
    """Say why no call can be from the line that is set; empty if one can be."""
    from offhook_sendblue.line_choice import AUTO

    if choice in {"", AUTO} or any(line.number == choice for line in found):
        return ""
    if choice.lower() == AUTO:
        return f"OFFHOOK_FROM_NUMBER is {quoted(choice)}: write {AUTO} in small letters"
    if not found:
        return f"OFFHOOK_FROM_NUMBER is {quoted(choice)}, and the account has no lines"
    return (
        f"OFFHOOK_FROM_NUMBER is {quoted(choice)}, which is not a line of this account: set it to one of them, as it "
        f"stands in the list, or to {AUTO}"
    )


def _sentence(choice: str, found: tuple[Line, ...]) -> str:
    from offhook_sendblue.line_choice import AUTO, best, chosen_among

    if choice == AUTO:
        return f"OFFHOOK_FROM_NUMBER is auto: each call chooses among {chosen_among(best(found))}"
    return f"OFFHOOK_FROM_NUMBER is {choice}" if choice else "OFFHOOK_FROM_NUMBER is not set: set it to one, or to auto"


def _document(line: Line) -> dict[str, object]:
    return {
        "number": line.number,
        "status": line.status.value,
        "assignment": line.assignment,
        "status_changed_at": line.status_changed_at,
        "effective_until": line.effective_until,
    }
