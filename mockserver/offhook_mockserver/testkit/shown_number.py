"""How the messages of the kit show telephone numbers."""

from __future__ import annotations

import re
from typing import Final

from offhook.interfaces import mask

#: The numbers that the North American plan reserves for fiction: they belong to no person.
_FICTIONAL: Final = re.compile(r"\+1[2-9][0-9]{2}55501[0-9]{2}")


def shown_as(number: str) -> str:
    """A number for people: a fictional one in full, so that a wrong digit shows, and any other masked."""
    return number if _FICTIONAL.fullmatch(number) else mask(number)


def shown_beside(number: str, other: str) -> str:
    """A number for people, with a note if it is shown as `other` is and differs from that."""
    same = number != other and shown_as(number) == shown_as(other)
    return f"{shown_as(number)} (another number: it differs in the masked digits)" if same else shown_as(number)
