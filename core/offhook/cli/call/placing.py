"""Placing one call from the command line: everything is opened first, then it is dialled, followed and written down."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import typer

from offhook.cli.call.conversation import converse, open_sources
from offhook.cli.exit_codes import ExitCode, code_for_error, code_for_record
from offhook.errors import ConfigError, OffhookError
from offhook.plugin.isolation import isolated
from offhook.plugin.manager import Plugins
from offhook.records.documents import interrupted_sentence, with_relative_paths
from offhook.records.stores import INTERRUPTED_LOGGER
from offhook.session.record import record_document

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from pathlib import Path

    from offhook.call.call import Call
    from offhook.call.phone import Phone
    from offhook.cli.call.display import Display
    from offhook.cli.stopping import Stop
    from offhook.interfaces import AudioSink, AudioSource, Store
    from offhook.session.record import CallRecord


#: What a folder given with ``--out`` holds in the end.
CALLER_HEARD = "caller-heard.wav"
CALLEE_HEARD = "callee-heard.wav"
MIX = "mix.wav"
#: How long a source or a sink may take to close in the end.
_CLOSE_TIMEOUT_S = 1.0
CONTENTS: Final[Mapping[str, str]] = {
    CALLER_HEARD: "what the caller heard",
    CALLEE_HEARD: "what the callee heard",
    MIX: "both on one timeline: caller left, callee right",
    "record.json": "how the call went",
    "journal.jsonl": "everything that happened, as it was written down",
}


@dataclass(slots=True)
class CallOrder:
    """What to do in a call.

    Attributes:
        number: whom to call.
        say: specs of what to say, in order.
        listen: specs of where the callee's audio goes.
        for_s: how long to talk at most, from the answer.
        quiet_s: how long the callee must have been quiet before we hang up, once all is said.
        out: a folder for recordings, record and journal, or None.
        files: recordings that somebody else makes in `out`, by what they hold.
        redial: ring even if the number is being called, or was a moment ago.
        from_number: the line to call from, or None for the carrier's own.
    """

    number: str
    say: Sequence[str] = ()
    listen: Sequence[str] = ()
    for_s: float | None = None
    quiet_s: float = 2.0
    out: Path | None = None
    files: dict[str, str] = field(default_factory=dict[str, str])
    redial: bool = False
    from_number: str | None = None


def new_folder(folder: Path) -> Path:
    """`folder`, made if need be.

    Raises:
        ConfigError: it holds something, or cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise ConfigError(
                f"the output folder {folder} is not empty: name a new one, so that nothing is written over"
            )
    except OSError as error:
        raise ConfigError(f"the output folder {folder} cannot be used: {error.strerror}") from None
    return folder


@dataclass(slots=True)
class CallResult:
    """What came of an order: the exit code, the record if there was a call, and the error if there was one."""

    code: ExitCode
    record: CallRecord | None = None
    error: OffhookError | None = None


async def place(
    order: CallOrder, open_phone: Callable[[Store | None], Phone], display: Display, stop: Stop | None = None
) -> CallResult:
    """Place a call and see it through. What goes wrong is in the answer; one that is cancelled hangs up first.

    Args:
        order: the call.
        open_phone: makes the phone, given the store for the order's folder.
        display: shows it.
        stop: knows which signal cancelled it, if one did.
    """
    placed = CallResult(ExitCode.FAILED)
    ours: Path | None = None
    try:
        if order.out is not None:
            ours = new_folder(order.out)
        store = None if order.out is None else Plugins.load().store(f"jsonl:{order.out}")
        with _told_here():
            phone = open_phone(store)
        async with phone:
            for interrupted in phone.interrupted:
                typer.echo(f"offhook: {interrupted_sentence(interrupted)}", err=True)
            await _place(phone, order, display, placed)
    except OffhookError as error:
        placed.error = error
        placed.code = code_for_error(error)
    if stop is not None and stop.code is not None:
        placed.code = stop.code
    if ours is not None and (placed.record is None or not placed.record.dialed_at):
        _tidy(ours)
    return placed


async def _place(phone: Phone, order: CallOrder, display: Display, placed: CallResult) -> None:
    sources: list[AudioSource] = []
    sinks: list[AudioSink] = []
    call: Call | None = None
    following: asyncio.Task[None] | None = None
    try:
        open_sources(phone, order.say, sources)
        mix = None if order.out is None else order.out / MIX
        # Before sinks make their files: it rejects bad numbers.
        call = phone.dial(order.number, record=mix, redial=order.redial, from_number=order.from_number)
        sinks += [phone.sink(spec) for spec in order.listen]
        if order.out is not None:
            sinks.append(phone.sink(f"recorder:{order.out / CALLER_HEARD}"))
        placed.record = call.record
        if order.out is not None:
            names = {"mix": MIX, "caller_heard": CALLER_HEARD, **order.files}
            files = {what: os.fspath((order.out / name).absolute()) for what, name in names.items()}
            call.record.files.update(files)
        following = asyncio.create_task(display.follow(call))
        try:
            async with call:
                while sinks:
                    call.listen(sinks.pop())
                placed.code = await converse(call, sources, order.for_s, order.quiet_s)
        except asyncio.CancelledError:
            _go_on()
            placed.code = ExitCode.INTERRUPTED
        else:
            if placed.code is ExitCode.COMPLETED:
                placed.code = code_for_record(call.record)
    finally:
        if call is not None:
            await call.hang_up()  # one that was never entered lets go of its recording
        parts: list[AudioSource | AudioSink] = [*sources, *sinks]  # sinks that no call took
        for part in parts:
            await isolated(part, "aclose", part.aclose, _CLOSE_TIMEOUT_S)
        if following is not None and call is not None:
            if call.record.ended_at_s is None:  # it never began
                following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following
            if call.record.ended_at_s is not None:
                display.finish(call.record)


def _go_on() -> None:
    """The cancellation was for the call, which has been hung up; what is left to do is done."""
    task = asyncio.current_task()
    assert task is not None
    task.uncancel()


@contextlib.contextmanager
def _told_here() -> Generator[None]:
    """Python prints warnings that no handler takes; those about interrupted calls are printed here in any case."""
    logger, handler = logging.getLogger(INTERRUPTED_LOGGER), logging.NullHandler()
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def _tidy(out: Path) -> None:
    """Nothing was dialled: take away what we made, so that the same command can be tried again."""
    for name in (CALLER_HEARD, MIX, "journal.jsonl"):
        (out / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # it was there before, or holds something else
        out.rmdir()


def report(placed: CallResult, *, as_json: bool, out: Path | None = None) -> ExitCode:
    """Say what went wrong on standard error, and what was left where, or print the document; gives the exit code."""
    if placed.error is not None:
        typer.echo(f"offhook: {placed.error.message}", err=True)
    if as_json:
        document: dict[str, object] = {"disposition": None}
        if placed.record is not None:
            document = record_document(placed.record)
            if out is not None:
                document = with_relative_paths(document, out)
        if placed.error is not None:
            document["error"] = {"code": placed.error.code, "message": placed.error.message}
        typer.echo(json.dumps(document))
    elif out is not None and placed.record is not None and out.is_dir():
        typer.echo(f"\nin {out}/:")
        for name in sorted(path.name for path in out.iterdir()):
            typer.echo(f"  {name:<18} {CONTENTS.get(name, '')}")
    return placed.code
