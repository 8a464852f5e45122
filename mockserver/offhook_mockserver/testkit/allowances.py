"""What a test may leave behind if it says so, and one thing that it left behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What each allowance of ``@pytest.mark.offhook(allow=[...])`` allows.
ALLOWANCES: Final[Mapping[str, str]] = {
    "calls_up": "calls that are still up when the test ends",
    "scripts_unfinished": "callees whose script did not reach its end, and callees with a script that no call rang",
    "scripts_failed": "callees whose script raised an error while it was played",
    "called_again": "a callee with a script that was called more than once",
    "unexpected_requests": "requests that no route of the mock answers",
    "webhooks_undelivered": "webhooks that no receiver has accepted, those that still wait included",
    "faults_unused": "faults that the test made and that never had an effect",
    "applications": "applications that still run long after the test",
    "refused": "what virtual time refused, if the application has caught the error",
    "exceptions": "exceptions of tasks and callbacks that nothing retrieved",
    "tasks": "tasks that the application left running",
    "threads": "threads that still run",
    "sockets": "sockets that are still open",
    "processes": "child processes that still run",
}


@dataclass(frozen=True, slots=True)
class Leftover:
    """One thing that a test left behind.

    Attributes:
        allowance: the name in `ALLOWANCES` under which a test may leave it.
        what: what it is and, where that is known, who made it; for people.
    """

    allowance: str
    what: str
