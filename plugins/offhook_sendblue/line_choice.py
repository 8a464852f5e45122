"""Which lines of the account a phone may choose among (`OFFHOOK_FROM_NUMBER=auto`), asked for once in some minutes."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from offhook.errors import CarrierError, ConfigError
from offhook_sendblue.lines import LineStatus

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from offhook.interfaces import Clock
    from offhook_sendblue.lines import Line

_log: Final = logging.getLogger("offhook.sendblue")

#: What stands in place of a number where the phone chooses among the lines of the account.
AUTO: Final = "auto"
#: The problem of an account without lines.
NO_LINES: Final = "this account has no lines"
#: How long a list of lines is used before it is asked for again, in seconds.
FRESH_S: Final = 300.0
#: Lines in the first of these states are chosen; if there are none, those in the next.
_TIERS: Final = (
    frozenset({LineStatus.ONLINE, LineStatus.UNKNOWN}),
    frozenset({LineStatus.DEGRADED}),
    frozenset({LineStatus.OFFLINE}),
)


def best(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Return the lines to choose among: those that are online or of unknown state, else those that are degraded, else
    those that are offline.
    """
    known = tuple(lines)
    tiers = (tuple(line for line in known if line.status in tier) for tier in _TIERS)
    return next(filter(None, tiers), ())


def chosen_among(lines: Sequence[Line]) -> str:
    """Say which of `lines`, at least one, `best` returned; for messages."""
    if lines[0].status in _TIERS[0]:
        return "the lines that are online or of unknown state"
    return f"the lines that are {lines[0].status.lower()}, as none is in a better state"


def no_line(problem: str) -> ConfigError:
    """The error for an account with no line to choose."""
    return ConfigError(
        f"there is no line to call from: {problem}. Set OFFHOOK_FROM_NUMBER to a FaceTime line; Sendblue's "
        "sales team adds one"
    )


class LineChoice:
    """The lines of one account, for the calls of one phone.

    Args:
        ask: asks for all lines of the account.
        clock: the time.
    """

    def __init__(self, ask: Callable[[], Awaitable[Sequence[Line]]], clock: Clock) -> None:
        self._ask = ask
        self._clock = clock
        self._lines: tuple[Line, ...] = ()
        self._asked_s: float | None = None
        #: Lines that cannot place FaceTime calls: the carrier refused one from them.
        self._refused: set[str] = set()
        self._lock = asyncio.Lock()

    async def numbers(self) -> tuple[str, ...]:
        """Return the lines to choose among, at least one.

        Raises:
            ConfigError: the account has no line, or a call from each of them was refused.
            CarrierError: the carrier cannot say which lines there are, and never has.
        """
        async with self._lock:  # calls that are dialled at once ask once
            now_s = self._clock.monotonic_s()
            if self._asked_s is None or now_s - self._asked_s > FRESH_S:
                try:
                    self._lines = tuple(await self._ask())
                except CarrierError as error:
                    if not self._lines:
                        raise
                    _log.warning("the lines of the account could not be asked for again: %s", error.message)
                self._asked_s = now_s
        usable = best(line for line in self._lines if line.number not in self._refused)
        if not usable:
            raise no_line(NO_LINES if not self._lines else "the carrier refused a call from each line")
        return tuple(line.number for line in usable)

    def refuse(self, number: str) -> None:
        """A call from this line was refused because of the line: it is not chosen again."""
        if any(line.number == number for line in self._lines):
            self._refused.add(number)
