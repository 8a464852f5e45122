"""What a person sees of a call while it lasts: states with their evidence and times."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from offhook.cli.output import print_line
from offhook.cli.records.show import entry_line
from offhook.session.record import entry_document

if TYPE_CHECKING:
    from offhook.call.call import Call
    from offhook.errors import OffhookError
    from offhook.session.record import CallRecord, TimelineEntry


class Display(ABC):
    """Shows one call."""

    @abstractmethod
    async def follow(self, call: Call) -> None:
        """Show what happens until the call has ended or this is cancelled."""
        ...

    @abstractmethod
    def finish(self, record: CallRecord, error: OffhookError | None = None) -> None:
        """Show how it ended.

        Args:
            record: the record of the call.
            error: an error that the command prints on standard error; it is not shown a second time.
        """
        ...


class NoDisplay(Display):
    """Shows nothing, for ``--json``: the document at the end says everything."""

    async def follow(self, call: Call) -> None:
        async for _ in call.events():
            pass

    def finish(self, record: CallRecord, error: OffhookError | None = None) -> None:
        pass


class PlainDisplay(Display):
    """Prints one line for each entry, for files, pipes and ``NO_COLOR``."""

    async def follow(self, call: Call) -> None:
        entries = call.events()
        for entry in tuple(call.record.timeline):
            self._show(entry)
        async for entry in entries:
            self._show(entry)

    def _show(self, entry: TimelineEntry) -> None:
        print_line(line(entry))

    def finish(self, record: CallRecord, error: OffhookError | None = None) -> None:
        for text in summary(record, error):
            print_line(text)


def line(entry: TimelineEntry) -> str:
    """Return an entry as one line, as ``offhook records show`` prints it."""
    return entry_line(entry_document("", entry))


def summary(record: CallRecord, error: OffhookError | None = None) -> list[str]:
    """Return the end of a call as one line, and the problem as a second one if there was one other than `error`."""
    outcome = record.outcome
    if outcome is None:
        return ["the call did not begin"]
    spoken = ""
    if record.answered_at_s is not None and record.ended_at_s is not None:
        spoken = f" after {record.ended_at_s - record.answered_at_s:.1f} s of conversation"
    text = f"{outcome.disposition.value}: ended by {outcome.ended_by.value}{spoken} (Q.850 cause {int(outcome.cause)})"
    known = error is not None and error.message == record.problem
    return [text, record.problem] if record.problem and not known else [text]
