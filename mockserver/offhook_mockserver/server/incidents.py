"""What clients are cut off or turned away for: each kind is counted, and logged at most once a minute."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable


_log = logging.getLogger(__name__)

#: The shortest time between two lines of one kind, in seconds.
QUIET_S: Final = 60.0
#: uvicorn warns of these, and any client can cause them: an ``https:`` link to our port is enough. The client gets
#: its answer (400, or one without the upgrade), which is all that is needed.
CLIENTS_MISTAKES: Final = frozenset({"Invalid HTTP request received.", "Unsupported upgrade request."})


class Incident(Enum):
    """Kinds of incidents; the value is the line in the log."""

    TURNED_AWAY = "too many connections are open: further ones are answered with 503"
    NO_DESCRIPTORS = "no more files or sockets can be opened, so that no connection is accepted for a moment"
    UNREAD = "a connection was cut because its client does not read what it is sent"
    TOO_MANY_PIECES = "a connection was closed because its client sent a message in too many pieces"
    PIPELINED = "a connection was closed because its client sent many requests without waiting for an answer"
    FAILED = "a connection was cut because the mock failed to handle what its client sent. Please report this"


class Incidents:
    """The incidents of one server.

    Args:
        now: returns a time in seconds that never goes back; by default, the running loop's time.

    Attributes:
        counts: how often each kind has occurred.
        uvicorn_log: the logger for uvicorn's connections: it drops what any client can cause, and repetitions.
    """

    def __init__(self, now: Callable[[], float] | None = None) -> None:
        self._now = now or asyncio.get_running_loop().time
        self.counts: Counter[Incident] = Counter()
        self._logged_at: dict[str, float] = {}
        self._unlogged: Counter[str] = Counter()
        # Below uvicorn's own logger, so that other servers in this process keep their warnings.
        self.uvicorn_log: logging.Logger = logging.Logger("uvicorn.error.offhook_mock")
        self.uvicorn_log.parent = logging.getLogger("uvicorn.error")
        self.uvicorn_log.addFilter(self._may_log)

    def note(self, incident: Incident, error: BaseException | None = None) -> None:
        """Count an incident, and log it unless its kind was logged within the last minute.

        Args:
            incident: its kind.
            error: logged with its traceback.
        """
        self.counts[incident] += 1
        if self._is_due(incident.value):
            more = self._unlogged.pop(incident.value, 0)
            _log.warning(
                "%s%s", incident.value, f" ({more} more since the last such line)" if more else "", exc_info=error
            )

    def _may_log(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING or record.msg in CLIENTS_MISTAKES:
            return False  # uvicorn's lines below a warning hold the paths, and so the secrets, of WebSockets
        if record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError):
            return False  # a request that the server's stop has ended
        return self._is_due(str(record.msg))

    def _is_due(self, kind: str) -> bool:
        now, before = self._now(), self._logged_at.get(kind)
        if before is not None and now - before < QUIET_S:
            self._unlogged[kind] += 1
            return False
        self._logged_at[kind] = now
        return True
