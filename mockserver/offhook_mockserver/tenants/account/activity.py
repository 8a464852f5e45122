"""Who is known on which line, and to how many new contacts each line has sent: what Sendblue's limits count."""

from __future__ import annotations

import calendar
from collections import deque
from typing import TYPE_CHECKING, Final

from offhook.arguments import check_number, check_several, check_text, wrong
from offhook.interfaces import iso_8601

if TYPE_CHECKING:
    from offhook_mockserver.tenants.account.owner import AccountOwner
    from offhook_mockserver.tenants.entry import Json


#: New contacts of one line in any 60 minutes, and in a day. Sendblue's documentation names these.
HOURLY_LIMIT: Final = 15
DAILY_LIMIT: Final = 50
HOUR_S: Final = 3600.0
DAY_S: Final = 86_400.0
#: Days without activity before a contact is new again. Assumed.
LOOKBACK_DAYS: Final = 30.0
#: When a day begins in New York, in hours of the local time.
_RESET_HOUR: Final = 3
#: By how many hours New York is behind UTC, in winter and in summer.
_WINTER_H: Final = 5
_SUMMER_H: Final = 4
_MARCH: Final = 3
_NOVEMBER: Final = 11


class Activity:
    """The activity of one account's lines. What is oldest is forgotten if there is too much of it.

    Args:
        owner: whose account it is.
    """

    def __init__(self, owner: AccountOwner) -> None:
        self._owner = owner
        #: By line and number, the time of the last message either way; the latest last.
        self._last: dict[tuple[str, str], float] = {}
        #: By line, when it sent to new contacts.
        self._new: dict[str, deque[float]] = {}

    def is_known(self, line: str, number: str) -> bool:
        """Whether a contact is known on a line: a message was exchanged in the last 30 days."""
        at_s = self._last.get((line, number))
        return at_s is not None and self._owner.clock.wall_s() - at_s < LOOKBACK_DAYS * DAY_S

    def line_with(self, number: str, lines: tuple[str, ...]) -> str | None:
        """Of these lines, the one that last exchanged a message with a contact, or None if none knows it."""
        known = [line for line in lines if self.is_known(line, number)]
        return max(known, key=lambda line: self._last[line, number], default=None)

    def note(self, line: str, number: str, *, sent: bool) -> None:
        """A message was sent or received."""
        now_s = self._owner.clock.wall_s()
        if sent and not self.is_known(line, number):
            new = self._new.setdefault(line, deque(maxlen=self._owner.bounds.account_items))
            while new and new[0] <= now_s - 2 * DAY_S:
                new.popleft()
            new.append(now_s)
        self._last.pop((line, number), None)
        self._last[line, number] = now_s
        while len(self._last) > self._owner.bounds.account_items:
            del self._last[next(iter(self._last))]

    def in_last_hour(self, line: str) -> tuple[float, ...]:
        """When a line sent to new contacts in the last 60 minutes, oldest first."""
        from_s = self._owner.clock.wall_s() - HOUR_S
        return tuple(at_s for at_s in self._new.get(line, ()) if at_s > from_s)

    def today(self, line: str) -> tuple[float, ...]:
        """When a line sent to new contacts since the last reset, oldest first."""
        from_s = last_reset_s(self._owner.clock.wall_s())
        return tuple(at_s for at_s in self._new.get(line, ()) if at_s >= from_s)

    def to_json(self) -> dict[str, Json]:
        """The activity as an object of JSON."""
        return {
            "last": [[line, number, at_s] for (line, number), at_s in tuple(self._last.items())],
            "new": [[line, at_s] for line, times in tuple(self._new.items()) for at_s in tuple(times)],
        }

    def restore(self, document: object) -> None:
        """Take what `to_json` returned.

        Raises:
            ConfigError: it is not such an object.
        """
        if not isinstance(document, dict):
            raise wrong("activity of the document", "an object", document)
        for line, number, at_s in _rows(document.get("last"), 3):  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
            self._last[check_text(line, "a line"), check_text(number, "a number")] = check_number(at_s, "a time")
        for line, at_s in _rows(document.get("new"), 2):  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
            new = self._new.setdefault(check_text(line, "a line"), deque(maxlen=self._owner.bounds.account_items))
            new.append(check_number(at_s, "a time"))


def _rows(given: object, width: int) -> list[tuple[object, ...]]:
    wanted = f"lists of {width} values"
    rows = [check_several(row, "activity of the document", wanted) for row in check_several(given, "activity", wanted)]
    if any(len(row) != width for row in rows):
        raise wrong("activity of the document", wanted, given)
    return rows


def last_reset_s(wall_s: float) -> float:
    """The last time that it was 3 AM in New York, in seconds since 1970; `wall_s` itself, if it is 3 AM then."""
    return max(reset for reset in _resets_near(wall_s) if reset <= wall_s)


def next_reset_s(wall_s: float) -> float:
    """The next time after `wall_s` that it is 3 AM in New York."""
    return min(reset for reset in _resets_near(wall_s) if reset > wall_s)


def _resets_near(wall_s: float) -> list[float]:
    """When it is 3 AM in New York on some days before and after.

    The switch to and from summer time is at 2 AM, so that a day has one 3 AM. No data base of time zones is needed.
    """
    today_s = wall_s // DAY_S * DAY_S
    days = [today_s + offset * DAY_S for offset in (-2, -1, 0, 1)]
    return [day_s + HOUR_S * (_RESET_HOUR + (_SUMMER_H if _is_summer(day_s) else _WINTER_H)) for day_s in days]


def _is_summer(day_s: float) -> bool:
    """From the second Sunday of March to the first Sunday of November, as in the USA since 2007."""
    year, month, day = map(int, iso_8601(day_s)[:10].split("-"))
    begins = (_MARCH, _first_sunday(year, _MARCH) + 7)
    return begins <= (month, day) < (_NOVEMBER, _first_sunday(year, _NOVEMBER))


def _first_sunday(year: int, month: int) -> int:
    return 1 + (calendar.SUNDAY - calendar.weekday(year, month, 1)) % 7
