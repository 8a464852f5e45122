"""Whether a line that a request names is the account's. A lenient account gets the lines that requests name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.errors import NumberRejected
from offhook.interfaces import e164

if TYPE_CHECKING:
    from offhook_mockserver.faces.sendblue.operation import Asked


#: How many lines an account has at most while more are added to it.
_MOST_LINES: Final = 100


def is_own_line(asked: Asked, line: str) -> bool:
    """Whether this client may use a line.

    A lenient account accepts every text for one. An E.164 number becomes a line of the account, up to 100 lines.
    """
    if line in asked.lines:
        return True
    if not asked.lenient or (asked.token is not None and asked.token.lines):
        return False
    lines = asked.tenant.lines
    if len(lines) < _MOST_LINES and _is_number(line):
        asked.tenant.lines = (*lines, line)
    return True


def _is_number(line: str) -> bool:
    try:
        e164(line, "line")
    except NumberRejected:
        return False
    return True
