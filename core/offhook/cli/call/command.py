"""``offhook call``: one call with the settings of the environment, or a dry run that dials nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from offhook.call.phone import Phone
from offhook.cli.call.choosing import choose
from offhook.cli.call.conversation import open_sources
from offhook.cli.call.folder import check_out
from offhook.cli.call.placing import CallOrder, CallResult, place, report
from offhook.cli.exit_codes import ExitCode, code_for_error
from offhook.cli.output import error_document, print_complaint, print_json, print_line
from offhook.cli.stopping import run
from offhook.errors import OffhookError
from offhook.interfaces.numbers import mask
from offhook.paths import expanded
from offhook.plugin.spec import Spec
from offhook.records.stores import AUTO
from offhook.session.policy import CallPolicy

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.interfaces import AudioSource, Store


def call(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="The number to call in E.164: +14155550123.")],
    say: Annotated[
        list[str] | None,
        typer.Option(metavar="SPEC", help="What to say, for example wav:greeting.wav. Repeat it to say more."),
    ] = None,
    listen: Annotated[
        str | None, typer.Option(metavar="SPEC", help="Where the callee's audio goes, for example recorder:heard.wav.")
    ] = None,
    for_s: Annotated[
        float | None, typer.Option("--for", metavar="SECONDS", help="Hang up this long after the answer.")
    ] = None,
    ring_timeout_s: Annotated[
        float | None,
        typer.Option(
            "--ring-timeout", metavar="SECONDS", help="Give up after this time without an answer (default: 45)."
        ),
    ] = None,
    carrier: Annotated[
        str | None, typer.Option(metavar="NAME", help="The carrier that rings; see: offhook plugins.")
    ] = None,
    auth: Annotated[
        str | None, typer.Option(metavar="NAME", help="The auth for the carrier's keys; see: offhook plugins.")
    ] = None,
    transport: Annotated[
        str | None, typer.Option(metavar="NAME", help="The transport that joins the channel; see: offhook plugins.")
    ] = None,
    from_number: Annotated[
        str | None,
        typer.Option("--from", metavar="NUMBER", help="The line to call from, instead of the configured one."),
    ] = None,
    redial: Annotated[
        bool,
        typer.Option("--redial", help="Ring even if the number is being called already, or was called a moment ago."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Do everything but the ringing, and say whether it would ring.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document at the end, and nothing else.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(parser=expanded, metavar="DIR", help="A new or empty folder for recordings, record and journal."),
    ] = None,
) -> None:
    """Place a call, say something, listen, hang up.

    The call ends when the callee hangs up, after --for, or when everything has been said and the callee has been quiet
    for 2 s.

    Exit codes: 0 completed, 1 something broke, 2 bad usage, 3 not answered, 4 refused by the carrier or
    before it was dialled (by a plugin, or because the number is being called already), 130 ctrl-C.

    Ctrl-C, SIGTERM and SIGHUP hang up, which takes at most 5 s. A second signal ends the command at once.
    """
    try:
        policy = CallPolicy() if ring_timeout_s is None else CallPolicy(ring_timeout_s=ring_timeout_s)
        sinks = () if listen is None else (listen,)
        order = CallOrder(number, say or (), sinks, for_s, out=out, redial=redial, from_number=from_number)
    except OffhookError as error:
        raise typer.Exit(report(CallResult(code_for_error(error), None, error), as_json=json)) from None

    def open_phone(store: Store | None) -> Phone:
        stores: list[Store | str] = [AUTO] if store is None else [AUTO, store]
        return Phone.from_env(carrier=carrier, auth=auth, transport=transport, policy=policy, store=stores)

    if dry_run:
        raise typer.Exit(run(lambda stop: try_out(order, lambda: open_phone(None), as_json=json)))
    result = run(lambda stop: place(order, open_phone, choose(json=json), stop))
    raise typer.Exit(report(result, as_json=json, out=out))


async def try_out(order: CallOrder, open_phone: Callable[[], Phone], *, as_json: bool) -> ExitCode:
    """Find out whether a call would ring, and print the answer; returns the exit code.

    Args:
        order: the call; its sources are opened.
        open_phone: makes the phone.
        as_json: print one JSON document instead of a sentence.
    """
    problem: OffhookError | None = None
    try:
        async with open_phone() as phone:
            if order.out is not None:
                check_out(order.out)
            for spec in order.listen:
                phone.plugins.sinks.find(Spec.parse(spec).name)
            sources: list[AudioSource] = []
            try:
                open_sources(phone, order.say, sources)
                await phone.dry_run(order.number, from_number=order.from_number)
            finally:
                for source in sources:
                    await source.aclose()
    except OffhookError as error:
        problem = error
    if problem is not None:
        print_complaint(problem.message)
    number = mask(order.number)
    if as_json:
        shown = None if problem is None else error_document(problem)
        print_json({"would_ring": problem is None, "number": number, "error": shown})
    elif problem is None:
        print_line(f"would ring {number}; nothing was dialled")
    return ExitCode.COMPLETED if problem is None else code_for_error(problem)
