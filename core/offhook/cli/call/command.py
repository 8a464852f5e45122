"""``offhook call``: one call against whatever the environment names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from offhook.call.phone import Phone
from offhook.cli.call.conversation import open_sources
from offhook.cli.call.display import choose
from offhook.cli.call.placing import CallOrder, CallResult, place, report
from offhook.cli.exit_codes import ExitCode, code_for_error
from offhook.cli.stopping import run
from offhook.errors import ConfigError, OffhookError
from offhook.interfaces.numbers import mask
from offhook.records.stores import AUTO
from offhook.session.policy import CallPolicy

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.interfaces import AudioSource, Store


#: A day; no call is that long.
_MOST_S = 86_400


def call(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="Whom to call, E.164: +14155550123.")],
    say: Annotated[
        list[str] | None,
        typer.Option(metavar="SPEC", help="What to say, for example wav:greeting.wav; again for more."),
    ] = None,
    listen: Annotated[
        str | None, typer.Option(metavar="SPEC", help="Where the callee's audio goes: recorder:heard.wav.")
    ] = None,
    for_s: Annotated[
        float | None, typer.Option("--for", metavar="SECONDS", help="Hang up this long after the answer.")
    ] = None,
    ring_timeout_s: Annotated[
        float | None, typer.Option("--ring-timeout", metavar="SECONDS", help="Give up when nobody answers for so long.")
    ] = None,
    carrier: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which carrier to call through; see: offhook plugins.")
    ] = None,
    auth: Annotated[
        str | None, typer.Option(metavar="NAME", help="Where its keys come from; see: offhook plugins.")
    ] = None,
    transport: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which transport to use; see: offhook plugins.")
    ] = None,
    from_number: Annotated[
        str | None,
        typer.Option("--from", metavar="NUMBER", help="The line to call from, instead of the configured one."),
    ] = None,
    redial: Annotated[
        bool, typer.Option("--redial", help="Ring even if the number is being called, or was a moment ago.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Do everything but the ringing, and say whether it would ring.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document at the end, and nothing else.")] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A new or empty folder for recordings, record and journal.")
    ] = None,
) -> None:
    """Place a call, say something, listen, hang up.

    It ends when the callee hangs up, after --for, or when all is said and the callee has been quiet for 2 s.

    Exit codes: 0 completed, 1 something broke, 2 bad usage, 3 not answered, 4 refused, by the carrier or
    before it was dialled (a plugin's rule, a number that is being called), 130 ctrl-C.

    Ctrl-C, SIGTERM and SIGHUP hang up, which takes 5 s at most; a second one ends it at once.
    """
    try:
        _check_seconds("--for", for_s)
        _check_seconds("--ring-timeout", ring_timeout_s)
    except ConfigError as error:
        raise typer.Exit(report(CallResult(ExitCode.BAD_USAGE, None, error), as_json=json)) from None
    policy = CallPolicy() if ring_timeout_s is None else CallPolicy(ring_timeout_s=ring_timeout_s)

    def open_phone(store: Store | None) -> Phone:
        stores: list[Store | str] = [AUTO] if store is None else [AUTO, store]
        return Phone.from_env(carrier=carrier, auth=auth, transport=transport, policy=policy, store=stores)

    order = CallOrder(
        number, say or (), () if listen is None else (listen,), for_s, out=out, redial=redial, from_number=from_number
    )
    if dry_run:
        raise typer.Exit(run(lambda stop: try_out(order, lambda: open_phone(None), as_json=json)))
    placed = run(lambda stop: place(order, open_phone, choose(json=json), stop))
    raise typer.Exit(report(placed, as_json=json, out=out))


def _check_seconds(option: str, seconds: float | None) -> None:
    if seconds is not None and not 0 < seconds < _MOST_S:
        raise ConfigError(f"{option} {seconds:g}: give a positive number of seconds, below {_MOST_S}")


async def try_out(order: CallOrder, open_phone: Callable[[], Phone], *, as_json: bool) -> ExitCode:
    """Find out whether a call would ring, and say so; gives the exit code.

    Args:
        order: whom it would ring, from which line, and what would be said, which is opened.
        open_phone: makes the phone.
        as_json: print one JSON document instead of a sentence.
    """
    error: OffhookError | None = None
    try:
        async with open_phone() as phone:
            sources: list[AudioSource] = []
            try:
                open_sources(phone, order.say, sources)
                await phone.dry_run(order.number, from_number=order.from_number)
            finally:
                for source in sources:
                    await source.aclose()
    except OffhookError as problem:
        error = problem
    if as_json:
        told = None if error is None else {"code": error.code, "message": error.message}
        typer.echo(json.dumps({"would_ring": error is None, "number": mask(order.number), "error": told}))
    if error is not None:
        typer.echo(f"offhook: {error.message}", err=True)
        return code_for_error(error)
    if not as_json:
        typer.echo(f"would ring {mask(order.number)}; nothing was dialled")
    return ExitCode.COMPLETED
