"""Who is being called: one row for each pair of a line and a callee, taken and given back in single steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook_sqlite.database import transaction
from offhook_sqlite.owner import is_alive

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path


class Claims:
    """The claims of one owner, among those of all.

    Args:
        connection: the database.
        live: where owners have their files.
        owner: who claims here.
    """

    def __init__(self, connection: sqlite3.Connection, live: Path, owner: str) -> None:
        self._connection = connection
        self._live = live
        self._owner = owner

    def claim(self, key: str, call_id: str, now_s: float) -> str | None:
        """See `DialGuard.claim`."""
        with transaction(self._connection):
            row = self._connection.execute(
                "SELECT call_id, owner, released_at_s, hold_s FROM claims WHERE key = ?", (key,)
            ).fetchone()
            if row is not None:
                holder, owner, released_at_s, hold_s = row
                if released_at_s is None:
                    taken = owner == self._owner or is_alive(self._live, owner)
                else:  # before the release there can be no now, unless the clock was set back
                    taken = released_at_s <= now_s < released_at_s + hold_s
                if taken and holder != call_id:
                    return str(holder)
            self._connection.execute(
                "INSERT OR REPLACE INTO claims VALUES (?, ?, ?, NULL, NULL)", (key, call_id, self._owner)
            )
        return None

    def release(self, key: str, call_id: str, now_s: float, hold_s: float) -> None:
        """See `DialGuard.release`."""
        mine = "WHERE key = ? AND call_id = ?"
        if hold_s > 0:
            self._connection.execute(
                f"UPDATE claims SET released_at_s = ?, hold_s = ? {mine} AND released_at_s IS NULL",
                (now_s, hold_s, key, call_id),
            )
        else:  # what is still held after a call is given up, too: a second ring is meant
            self._connection.execute(f"DELETE FROM claims {mine}", (key, call_id))

    def bury(self) -> None:
        """Free what the dead had claimed, at once: their leg is gone."""
        owners = self._connection.execute("SELECT DISTINCT owner FROM claims WHERE released_at_s IS NULL").fetchall()
        for (owner,) in owners:
            if not is_alive(self._live, owner):
                self._connection.execute("DELETE FROM claims WHERE owner = ? AND released_at_s IS NULL", (owner,))
