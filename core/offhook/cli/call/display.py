"""What a person sees of a call while it lasts: states with their evidence and times, and a level meter each way."""

from __future__ import annotations

import asyncio
import os
import sys
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from offhook.cli.output import print_line
from offhook.cli.records.show import entry_line
from offhook.session.record import entry_document
from offhook.session.states import CallState
from offhook.wording import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import RenderableType

    from offhook.call.call import Call
    from offhook.session.record import CallRecord, TimelineEntry


_REFRESH_S = 0.1
_METER_WIDTH = 40
#: The level at which a meter is empty; full is 0 dBFS.
_METER_FLOOR_DBFS = -60.0


class Display(ABC):
    """Shows one call."""

    @abstractmethod
    async def follow(self, call: Call) -> None:
        """Show what happens until the call has ended or this is cancelled."""
        ...

    @abstractmethod
    def finish(self, record: CallRecord) -> None:
        """Show how it ended."""
        ...


class NoDisplay(Display):
    """Shows nothing, for ``--json``: the document at the end says everything."""

    async def follow(self, call: Call) -> None:
        async for _ in call.events():
            pass

    def finish(self, record: CallRecord) -> None:
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

    def finish(self, record: CallRecord) -> None:
        for text in summary(record):
            print_line(text)


class LiveDisplay(Display):
    """Shows the timeline as it grows, and below it two level meters that move ten times a second."""

    def __init__(self, console: Console) -> None:
        self._console = console

    async def follow(self, call: Call) -> None:
        with Live(console=self._console, auto_refresh=False, transient=True) as live:
            shown = 0
            while True:
                timeline = call.record.timeline
                for entry in timeline[shown:]:
                    live.console.print(Text(line(entry), style="" if entry.changed else "dim"))
                shown = len(timeline)
                if call.state is CallState.ENDED:
                    return
                live.update(self._meters(call), refresh=True)
                await asyncio.sleep(_REFRESH_S)

    def _meters(self, call: Call) -> RenderableType:
        return Group(
            meter("caller", call.level_sent_dbfs),
            meter("callee", call.level_heard_dbfs),
        )

    def finish(self, record: CallRecord) -> None:
        for text in summary(record):
            self._console.print(Text(printable(text), style="bold"))


def meter(name: str, level_dbfs: float) -> Text:
    """Return a bar for a level from -60 to 0 dBFS."""
    filled = round(_METER_WIDTH * max(0.0, 1 - level_dbfs / _METER_FLOOR_DBFS))
    style = "green" if level_dbfs < -12 else "yellow"
    bar = Text.assemble((f"  {name}  ", "bold"), ("█" * filled, style), ("·" * (_METER_WIDTH - filled), "dim"))
    return bar.append(f" {level_dbfs:6.1f} dBFS" if level_dbfs > _METER_FLOOR_DBFS else "   silent")


def line(entry: TimelineEntry) -> str:
    """Return an entry as one line, as ``offhook records show`` prints it."""
    return entry_line(entry_document("", entry))


def summary(record: CallRecord) -> list[str]:
    """Return the end of a call as one line, and the problem as a second one if there was a problem."""
    outcome = record.outcome
    if outcome is None:
        return ["the call did not begin"]
    spoken = ""
    if record.answered_at_s is not None and record.ended_at_s is not None:
        spoken = f" after {record.ended_at_s - record.answered_at_s:.1f} s of conversation"
    text = f"{outcome.disposition.value}: ended by {outcome.ended_by.value}{spoken} (Q.850 cause {int(outcome.cause)})"
    return [text, record.problem] if record.problem else [text]


def choose(*, json: bool, environment: Mapping[str, str] | None = None) -> Display:
    """Return the display that fits standard output.

    Args:
        json: whether the command prints a JSON document, and nothing else.
        environment: `NO_COLOR` (no-color.org) in it means plain lines; the process's own by default.
    """
    environment = os.environ if environment is None else environment
    if json:
        return NoDisplay()
    if environment.get("NO_COLOR") or not sys.stdout.isatty() or environment.get("TERM") == "dumb":
        return PlainDisplay()
    return LiveDisplay(Console(highlight=False))
