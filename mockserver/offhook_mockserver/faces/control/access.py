"""Who may use the control API: programs with the token of the mock, and no pages in a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook_mockserver.faces.control.refusals import ControlRefused
from offhook_mockserver.faces.sendblue.credentials import KEY_HEADERS, SECRET_HEADERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook.secret import Secret

_BEARER: Final = "bearer "
#: Headers that browsers add to every request, or to some, and other programs do not. `Sec-Fetch-Mode` is not one of
#: these: the `fetch` of node sends it.
_BROWSER_HEADERS: Final = ("origin", "sec-fetch-site")


def check_access(headers: Mapping[str, str], token: Secret, *, is_open: bool = False) -> None:
    """Check that a request may use an operation.

    Args:
        headers: its headers, with names in lower case.
        token: the control token of the mock; it is compared in constant time.
        is_open: whether the operation needs no token, because it answers the same for every mock.

    Raises:
        ControlRefused: it may not.
    """
    if any(name in headers for name in (*KEY_HEADERS, *SECRET_HEADERS)):
        problem = "keys of Sendblue's API do not control a mock: leave them out, and send the mock's control token"
        raise ControlRefused("foreign_keys", problem)
    if is_open:
        return
    if any(name in headers for name in _BROWSER_HEADERS):
        raise ControlRefused("browser", "web pages may not control a mock")
    given = headers.get("authorization", "")
    if given[: len(_BEARER)].lower() != _BEARER or not token.matches(given[len(_BEARER) :].strip()):
        problem = (
            "the header Authorization must be: Bearer and the control_token of this mock, which is in the file that "
            "OFFHOOK_MOCK_FILE names, or control_file of `offhook mock --json`"
        )
        raise ControlRefused("token", problem, headers={"www-authenticate": "Bearer"})
