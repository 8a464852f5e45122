"""What operations on an account's things have in common: pages, and the answer if an account holds too much."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from offhook.session import Grade
from offhook_mockserver.faces.operations.fields import Field
from offhook_mockserver.faces.operations.kinds import whole
from offhook_mockserver.faces.refusals import ApiRefusal, RequestRefused
from offhook_mockserver.tenants.account.table import AccountFull

if TYPE_CHECKING:
    from collections.abc import Generator


NO_ROOM: Final = ApiRefusal(429, Grade.ASSUMED)
NOT_FOUND: Final = ApiRefusal(404, Grade.ASSUMED)


@contextlib.contextmanager
def within_bounds() -> Generator[None]:
    """Refuse a request if its account would hold too much."""
    try:
        yield
    except AccountFull as error:
        raise RequestRefused(NO_ROOM, error.message) from None


def limit_field(default: int, most: int, what: str) -> Field:
    """How many things are returned; more than `most` are not, whatever a request asks for."""
    return Field("limit", whole(least=0), default=default, summary=f"How many {what} are returned, at most {most}.")


def offset_field(what: str, summary: str = "") -> Field:
    """How many things are skipped."""
    return Field("offset", whole(least=0), default=0, summary=summary or f"How many {what} are skipped.")
