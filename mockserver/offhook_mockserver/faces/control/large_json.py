"""Documents of JSON that are so large that they are read and written in a thread, beside the calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from offhook_mockserver.doors.json_answer import encode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

#: A body that is longer is read in a thread; a shorter one takes about a millisecond.
LARGE_BYTES: Final = 64 * 1024
#: How deep a document is taken apart: down to the items of an account's lists.
_DEPTH: Final = 4


def encoded(document: Mapping[str, object]) -> bytes:
    """A document as JSON. It is encoded in parts, because the encoder lets no other thread run meanwhile."""
    return "".join(_parts(document, _DEPTH)).encode()


def _parts(value: object, depth: int) -> Iterator[str]:
    if depth and isinstance(value, dict):
        start = "{"
        for name, member in cast("dict[str, object]", value).items():
            yield f"{start}{encode(name)}:"
            yield from _parts(member, depth - 1)
            start = ","
        yield "}" if value else "{}"
    elif depth and isinstance(value, list | tuple):
        start = "["
        for item in cast("Sequence[object]", value):
            yield start
            yield from _parts(item, depth - 1)
            start = ","
        yield "]" if value else "[]"
    else:
        yield encode(value)
