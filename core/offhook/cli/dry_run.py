"""``offhook call --dry-run``: everything that comes before the ringing, and whether it would ring."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

from offhook.cli.exit_codes import ExitCode, code_for_error
from offhook.cli.opening import open_sources
from offhook.errors import OffhookError
from offhook.numbers import mask

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from offhook.interfaces import AudioSource
    from offhook.phone import Phone


async def try_out(number: str, say: Sequence[str], open_phone: Callable[[], Phone], *, as_json: bool) -> ExitCode:
    """Find out whether a call would ring, and say so; gives the exit code.

    Args:
        number: whom it would ring.
        say: specs of what would be said; each is opened.
        open_phone: makes the phone.
        as_json: print one JSON document instead of a sentence.
    """
    error: OffhookError | None = None
    try:
        async with open_phone() as phone:
            sources: list[AudioSource] = []
            try:
                open_sources(phone, say, sources)
                await phone.dry_run(number)
            finally:
                for source in sources:
                    await source.aclose()
    except OffhookError as problem:
        error = problem
    if as_json:
        told = None if error is None else {"code": error.code, "message": error.message}
        typer.echo(json.dumps({"would_ring": error is None, "number": mask(number), "error": told}))
    if error is not None:
        typer.echo(f"offhook: {error.message}", err=True)
        return code_for_error(error)
    if not as_json:
        typer.echo(f"would ring {mask(number)}; nothing was dialled")
    return ExitCode.COMPLETED
