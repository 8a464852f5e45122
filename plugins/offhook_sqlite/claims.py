"""Which callees are being called: one row for each pair of a line and a callee, taken and released in single steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook_sqlite.database import transaction
from offhook_sqlite.owner import is_alive

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path


class Claims:
    """The claims of one owner, among those of all owners.

    Args:
        connection: the database.
        live: where owners have their files.
        owner: the name of the owner that claims here.
    """

    def __init__(self, connection: sqlite3.Connection, live: Path, owner: str) -> None:
        self._connection = connection
        self._live = live
        self._owner = owner

    def claim(self, key: str, call_id: str, now_s: float, if_killed_s: float = 0.0) -> str | None:
        """See `DialGuard.claim`."""
        with transaction(self._connection):
            self._connection.execute("DELETE FROM claims WHERE released AND held_from_s + hold_s <= ?", (now_s,))
            row = self._connection.execute(
                "SELECT call_id, owner, released, held_from_s, hold_s FROM claims WHERE key = ?", (key,)
            ).fetchone()
            if row is not None:
                holder, owner, released, held_from_s, hold_s = row
                # `now_s` is before the time of a release or a claim only if the clock was set back.
                taken = held_from_s <= now_s < held_from_s + hold_s
                taken = taken or (not released and (owner == self._owner or is_alive(self._live, owner)))
                if taken and holder != call_id:
                    return str(holder)
            self._connection.execute(
                "INSERT OR REPLACE INTO claims VALUES (?, ?, ?, 0, ?, ?)",
                (key, call_id, self._owner, now_s, if_killed_s),
            )
        return None

    def release(self, key: str, call_id: str, now_s: float, hold_s: float) -> None:
        """See `DialGuard.release`."""
        mine = "WHERE key = ? AND call_id = ?"
        if hold_s > 0:
            self._connection.execute(
                f"UPDATE claims SET released = 1, held_from_s = ?, hold_s = ? {mine} AND NOT released",
                (now_s, hold_s, key, call_id),
            )
        else:  # this also ends the hold that follows a call, since a second ring is then intended
            self._connection.execute(f"DELETE FROM claims {mine}", (key, call_id))
