"""``offhook mock``: the mock server as a command, and ``offhook mock exec``: one for as long as a command runs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from offhook.cli import EarlySignals, loop_factory, print_json, print_line
from offhook.errors import ConfigError
from offhook.paths import expanded
from offhook_mockserver.commands.agora_sdk import agora_sdk_command
from offhook_mockserver.commands.fault import fault

if TYPE_CHECKING:
    from offhook_mockserver.commands.serving import MockOptions

mock: typer.Typer = typer.Typer(
    invoke_without_command=True,
    add_completion=False,
    subcommand_metavar="[exec -- COMMAND... | numbers | fault COMMAND | agora-sdk --into DIR]",
)


@mock.callback()
def serve_command(
    context: typer.Context,
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65535, help="Where to listen on 127.0.0.1; 0: any free port.")
    ] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON line when ready, for programs.")] = False,
    recordings: Annotated[
        Path | None,
        typer.Option(parser=expanded, metavar="DIR", help="Record what each callee hears to DIR/CHANNEL.callee.wav."),
    ] = None,
    env_file: Annotated[
        Path | None,
        typer.Option(
            parser=expanded,
            metavar="FILE",
            help="Keep the settings in FILE while it runs, for a shell, Docker or python-dotenv.",
        ),
    ] = None,
    scripts: Annotated[
        Path | None,
        typer.Option(
            parser=expanded,
            metavar="FILE",
            help="A TOML file with scripts of callees, by their numbers; other numbers are those of the table.",
        ),
    ] = None,
    lenient: Annotated[
        bool,
        typer.Option(
            "--lenient", help="Accept placeholders in requests, and answer operations of which no state is kept."
        ),
    ] = False,
    open_to_any_keys: Annotated[
        bool,
        typer.Option("--open", help="Accept any API keys: each pair has lines and calls of its own; at most 100."),
    ] = False,
    webhook_hosts: Annotated[
        list[str] | None,
        typer.Option(
            "--webhook-host",
            metavar="HOST",
            help="Post webhooks to HOST as well, a name, an address or a network; else to this machine alone. Several "
            "are given with the option repeated.",
        ),
    ] = None,
    late_limit_ms: Annotated[
        float,
        typer.Option(
            "--late-limit-ms",
            metavar="MS",
            min=1,
            max=10_000,
            help="Refuse a further call with 429 while nine of ten timers are later than this.",
        ),
    ] = 50.0,
) -> None:
    """Run a mock of Sendblue and of the channel behind it, with callees who answer, talk and hang up.

    While it runs, it prints one line for each event of a call. Ctrl-C stops it: it ends the calls and finishes their
    recordings. A second ctrl-C does not wait for that. Without --json, it prints what stopped it to standard error.
    """
    with EarlySignals():
        from offhook_mockserver.callees.toml import load_scripts
        from offhook_mockserver.commands.serving import MockOptions, serve_and_report

    loaded = {} if scripts is None else load_scripts(scripts)
    options = MockOptions(
        port=port,
        recordings=recordings,
        env_file=env_file,
        as_json=json,
        scripts=loaded,
        lenient=lenient,
        open_to_any_keys=open_to_any_keys,
        webhook_hosts=tuple(webhook_hosts or ()),
        late_limit_ms=late_limit_ms,
    )
    if context.invoked_subcommand is not None:
        context.obj = options
        return
    serve_and_report(options)


@mock.command("exec", context_settings={"allow_interspersed_args": False})
def exec_command(
    context: typer.Context,
    command: Annotated[list[str], typer.Argument(metavar="COMMAND", help="The program and its arguments.")],
) -> None:
    """Start a mock, run COMMAND with its settings in the environment, and stop the mock.

    Options of the mock are before exec: offhook mock --recordings DIR exec -- COMMAND.

    Exit codes: COMMAND's own; 125 the mock failed, 126 COMMAND cannot be run, 127 COMMAND was not found, 128 and the
    number of the signal that ended COMMAND. Signals are passed on to COMMAND.
    """
    with EarlySignals():
        from offhook_mockserver.commands.executing import execute

    options: MockOptions = context.obj
    if options.as_json:
        raise ConfigError(
            "--json prints the settings, and exec passes them to COMMAND in its environment: leave it out"
        )
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        raise typer.Exit(runner.run(execute(options, command)))


@mock.command("numbers")
def numbers_command(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object a number, for programs.")] = False,
) -> None:
    """Print the numbers that have a callee of their own, and what each does.

    With offhook mock --scripts FILE numbers, those of the file come first: that checks the file, too.
    """
    from offhook_mockserver.callees.numbers import all_numbers
    from offhook_mockserver.callees.summaries import table

    options: MockOptions = context.obj
    if not (json or options.as_json):
        for line in table({number: script.summary for number, script in options.scripts.items()}).split("\n"):
            print_line(line.strip())
        return
    for number, script in all_numbers(options.scripts).items():
        steps = [step.text for step in script.steps]
        print_json({"number": number, "summary": script.summary, "steps": steps})


mock.command("agora-sdk")(agora_sdk_command)
mock.add_typer(fault, name="fault")
