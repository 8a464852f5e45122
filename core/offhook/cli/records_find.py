"""One call by its id, or by how the id begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.errors import ConfigError
from offhook.numbers import show

if TYPE_CHECKING:
    from offhook.interfaces import Archive
    from offhook.interfaces.store import Document

#: Our ids begin so; it may be left out.
_PREFIX: Final = "call_"
_SHOWN: Final = 5


def find(archive: Archive, call_id: str) -> Document:
    """The record that `call_id` means.

    Raises:
        ConfigError: there is none, or more than one begins so.
    """
    exact = archive.record(call_id)
    if exact is not None:
        return exact
    beginnings = (call_id, _PREFIX + call_id) if call_id else ()
    found = [record for record in archive.records() if str(record["call_id"]).startswith(beginnings)]
    if not found:
        raise ConfigError(f"there is no call {show(call_id)}; see: offhook records list")
    if len(found) > 1:
        ids = ", ".join(str(record["call_id"]) for record in found[:_SHOWN]) + (", ..." if found[_SHOWN:] else "")
        raise ConfigError(f"{len(found)} calls begin with {show(call_id)}: {ids}; give more of the id")
    return found[0]
