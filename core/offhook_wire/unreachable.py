"""Why a mock on this machine was not reached, from the error of an HTTP client."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What this process or machine has run out of: then it is not known whether anything listens.
_SHORTAGES: Final[Mapping[int, str]] = {
    errno.EMFILE: "this program has too many files open; raise its limit (ulimit -n), or place fewer calls at once",
    errno.ENFILE: "this machine has too many files open; close programs, or raise its limit",
    errno.ENOBUFS: "this machine has no memory left for connections",
    errno.ENOMEM: "this machine has no memory left",
}
#: The base class of httpx's errors about time, which few callers have imported.
_TIMEOUT: Final = "TimeoutException"
#: How many causes of an error are looked at.
_MOST_CAUSES: Final = 20


def unreachable(base: str, error: Exception) -> str:
    """Return why `base` was not reached, and what to do, as a sentence.

    Args:
        base: the URL that was asked.
        error: what the client raised; the system's error is among its causes.
    """
    if shortage := _shortage(error):
        return f"{base} cannot be reached: {shortage}"
    if isinstance(error, TimeoutError) or _TIMEOUT in {kind.__name__ for kind in type(error).__mro__}:
        return (
            f"the server at {base} did not answer in time: it is stopped, hangs or is very busy; start it again with"
            " `offhook mock`"
        )
    return f"nothing is listening at {base} (no connection): start it with `offhook mock`"


def _shortage(error: BaseException | None) -> str:
    for _ in range(_MOST_CAUSES):
        if error is None:
            break
        if isinstance(error, OSError) and (shortage := _SHORTAGES.get(error.errno or 0)):
            return shortage
        error = error.__cause__ or error.__context__
    return ""
