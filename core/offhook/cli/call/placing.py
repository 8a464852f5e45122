"""Placing one call from the command line: everything is opened first, then the call is dialled, shown and reported."""

from __future__ import annotations

import asyncio
import contextlib
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from offhook.cli.call.conversation import converse, open_sources
from offhook.cli.call.folder import CallFolder, listing
from offhook.cli.exit_codes import ExitCode, code_for_error, code_for_record
from offhook.cli.output import error_document, print_complaint, print_json, print_line, printed_here
from offhook.errors import ConfigError, OffhookError
from offhook.plugin.isolation import close_isolated
from offhook.plugin.manager import Plugins
from offhook.records.documents import interrupted_sentence, with_relative_paths
from offhook.records.stores import INTERRUPTED_LOGGER
from offhook.records.timeline import CALLS_LOGGER
from offhook.session.record import record_document

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from offhook.call.call import Call
    from offhook.call.phone import Phone
    from offhook.cli.call.display import Display
    from offhook.cli.stopping import Stop
    from offhook.interfaces import AudioSink, AudioSource, Store
    from offhook.session.record import CallRecord


#: How long a source or a sink may take to close at the end.
_CLOSE_TIMEOUT_S = 1.0


@dataclass(slots=True)
class CallOrder:
    """A call to place, and what to do in it.

    Attributes:
        number: the number to call.
        say: specs of the sources to play, in order.
        listen: specs of the sinks for the callee's audio.
        for_s: hang up this long after the answer; None for no limit.
        quiet_s: hang up when all is said and the callee has been quiet for this long.
        out: a new or empty folder for recordings, record and journal; None for no folder.
        files: recordings that somebody else makes in `out`, by what they hold.
        redial: dial even if the number is being called already, or was called a moment ago.
        from_number: the line to call from, or None for the carrier's own.

    Raises:
        ConfigError: `for_s` is not a positive, finite number.
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

    def __post_init__(self) -> None:
        if self.for_s is not None and not 0 < self.for_s < math.inf:
            raise ConfigError(f"the time to talk (--for) must be a positive number of seconds, got {self.for_s:g}")


@dataclass(slots=True)
class CallResult:
    """The result of an order: the exit code, the record if there was a call, and the error if there was one."""

    code: ExitCode
    record: CallRecord | None = None
    error: OffhookError | None = None


async def place(
    order: CallOrder, open_phone: Callable[[Store | None], Phone], display: Display, stop: Stop | None = None
) -> CallResult:
    """Place a call and wait for its end; when cancelled, hang up first. Errors are returned in the result.

    Args:
        order: the call.
        open_phone: makes the phone; it is called with the store in the order's folder.
        display: shows the call.
        stop: provides the exit code if a signal cancels the call.
    """
    result = CallResult(ExitCode.FAILED)
    folder: CallFolder | None = None
    try:
        if order.out is not None:
            folder = CallFolder(order.out)
        store = None if folder is None else Plugins.load().store(folder.store)
        with printed_here(INTERRUPTED_LOGGER):
            phone = open_phone(store)
        async with phone:
            for interrupted in phone.interrupted:
                print_complaint(interrupted_sentence(interrupted))
            with printed_here(CALLS_LOGGER):  # the display and the record show these problems
                await _place(phone, order, folder, display, result)
    except OffhookError as error:
        result.error = error
        result.code = code_for_error(error)
    if result.record is not None and result.record.ended_at_s is not None:
        display.finish(result.record, result.error)
    if stop is not None and stop.code is not None:
        result.code = stop.code
    if folder is not None and (result.record is None or not result.record.dialed_at):
        folder.remove()
    return result


async def _place(
    phone: Phone, order: CallOrder, folder: CallFolder | None, display: Display, result: CallResult
) -> None:
    sources: list[AudioSource] = []
    sinks: list[AudioSink] = []
    call: Call | None = None
    following: asyncio.Task[None] | None = None
    try:
        # This checks the number, so it is first: sinks create files, which a rejected call would leave behind.
        mix = None if folder is None else folder.mix
        call = phone.dial(order.number, record=mix, redial=order.redial, from_number=order.from_number)
        open_sources(phone, order.say, sources)
        sinks += [phone.sink(spec) for spec in order.listen]
        if folder is not None:
            sinks.append(phone.sink(folder.caller_heard))
            call.record.files.update(folder.recordings(order.files))
        result.record = call.record
        following = asyncio.create_task(display.follow(call))
        try:
            async with call:
                while sinks:
                    call.listen(sinks.pop())
                result.code = await converse(call, sources, order.for_s, order.quiet_s)
        except asyncio.CancelledError:
            _uncancel()
            result.code = ExitCode.INTERRUPTED
        else:
            if result.code is ExitCode.COMPLETED:
                result.code = code_for_record(call.record)
    finally:
        parts: list[AudioSource | AudioSink] = [*sources, *sinks]  # sinks that were not passed to a call
        for part in parts:
            try:
                await close_isolated(part, _CLOSE_TIMEOUT_S)
            except OffhookError as error:  # an error that is on its way replaces this one
                result.error, result.code = error, code_for_error(error)
        if following is not None and call is not None:
            if call.record.ended_at_s is None:  # it was not dialled
                following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following


def _uncancel() -> None:
    """Go on after a cancellation: it was meant for the call, which has been hung up."""
    task = asyncio.current_task()
    assert task is not None
    task.uncancel()


def report(result: CallResult, *, as_json: bool, out: Path | None = None) -> ExitCode:
    """Print a call's error on standard error, then its document or its files in `out`; returns the exit code.

    Args:
        result: what `place` returned.
        as_json: whether to print the document.
        out: the order's folder.
    """
    if result.error is not None:
        print_complaint(result.error.message)
    if as_json:
        document: dict[str, object] = {"disposition": None}
        if result.record is not None:
            document = record_document(result.record)
            if out is not None:
                document = with_relative_paths(document, out)
        if result.error is not None:
            document["error"] = error_document(result.error)
        print_json(document)
    elif out is not None and result.record is not None and out.is_dir():
        print_line()
        print_line(f"in {out}/:")
        for line in listing(out):
            print_line(line)
    return result.code
