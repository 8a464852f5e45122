"""Whether a line that a request names is the account's. A lenient account gets the lines that requests name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.errors import NumberRejected
from offhook.interfaces import e164
from offhook.session import Grade
from offhook_mockserver.faces.refusals import ApiRefusal, RequestRefused

if TYPE_CHECKING:
    from offhook_mockserver.faces.sendblue.operation import Asked


#: How many lines an account has at most while more are added to it.
_MOST_LINES: Final = 100

NOT_OUR_LINE: Final = ApiRefusal(400, Grade.ASSUMED)


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


def check_own_line(asked: Asked, line: str, name: str, refusal: ApiRefusal = NOT_OUR_LINE) -> None:
    """Refuse a request that names a line that this client may not use.

    Args:
        asked: the request.
        line: the line.
        name: the field that names it.
        refusal: the status of the refusal.

    Raises:
        RequestRefused: the client may not use it.
    """
    if not is_own_line(asked, line):
        raise RequestRefused(refusal, f"{name} {line} is not a line of this account; use {' or '.join(asked.lines)}")


def _is_number(line: str) -> bool:
    try:
        e164(line, "line")
    except NumberRejected:
        return False
    return True
