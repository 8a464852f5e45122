"""The live display of a call on a terminal: its timeline, and two level meters that move."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live
from rich.text import Text

from offhook.cli.call.display import Display, line, summary
from offhook.session.states import CallState
from offhook.wording import printable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from offhook.call.call import Call
    from offhook.errors import OffhookError
    from offhook.session.record import CallRecord


_REFRESH_S = 0.1
_METER_WIDTH = 40
#: The level at which a meter is empty; full is 0 dBFS.
_METER_FLOOR_DBFS = -60.0


class LiveDisplay(Display):
    """Shows the timeline as it grows, and below it two level meters that move ten times a second.

    Args:
        console: where to show them. It may move the cursor, so every text from outside is escaped here.
    """

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

    def finish(self, record: CallRecord, error: OffhookError | None = None) -> None:
        for text in summary(record, error):
            self._console.print(Text(printable(text), style="bold"))


def meter(name: str, level_dbfs: float) -> Text:
    """Return a bar for a level from -60 to 0 dBFS."""
    filled = round(_METER_WIDTH * max(0.0, 1 - level_dbfs / _METER_FLOOR_DBFS))
    style = "green" if level_dbfs < -12 else "yellow"
    bar = Text.assemble((f"  {name}  ", "bold"), ("█" * filled, style), ("·" * (_METER_WIDTH - filled), "dim"))
    return bar.append(f" {level_dbfs:6.1f} dBFS" if level_dbfs > _METER_FLOOR_DBFS else "   silent")
