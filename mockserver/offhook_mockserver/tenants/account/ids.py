"""Ids in the forms that Sendblue's answers have."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from offhook.interfaces import Ids


def uuid_like(ids: Ids) -> str:
    """A UUID of version 4 that follows from a seed."""
    digits = ids.hex(32)
    variant = "89ab"[int(digits[16], 16) % 4]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
