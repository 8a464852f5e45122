"""A seeded mutator: the same seed and corpus yield the same inputs, in the same order, on every machine.

It works on bytes (bits, lengths, pieces that are cut, doubled or moved from one sample into another) and, for samples
that are JSON, on the document (values, names, nesting), so that inputs get past the first check of a parser.
"""

from __future__ import annotations

import json
import random
import struct
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: Lengths and counts at which parsers go wrong.
NUMBERS: Final = (
    *(0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 255, 256, 1023, 1024, 4095, 4096, 32_767, 32_768, 65_535),
    *(65_536, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1),
)
#: Values of JSON that a field may not expect.
VALUES: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, 1, -1, 2**31, 2**32 - 1, 2**32, 2**63, 10**40, 0.5, -0.0, 1e308, "", " ", "0", "1"),
    *("x" * 257, "x" * 5000, "\ud800", "\x00", "\x1b[31m", "\u202e", "é", "\U0001f600", "NaN", "OK", "quit", "sha-256"),
    *([], {}, [[]], [{}], {"": ""}, {"type": "leave"}, [0] * 600),
)
#: Texts that take the place of a piece of JSON.
PIECES: Final = (
    *("NaN", "Infinity", "1e999", "9" * 5000, "[" * 2000, '{"a":' * 500, '"\\ud800"', '"\\u0000"', "-", "'", "\ufeff"),
    *("//", "[1,]", '{"a":1,"a":2}', "true false", "\x00", "\\", '"', "\n", "00", "1.", ".5", "undefined", "\u2028"),
)
#: The longest input: parsers are behind limits of this size.
MOST_BYTES: Final = 70_000


class Mutator:
    """Makes inputs out of samples.

    Args:
        seed: any text.
        corpus: well-formed samples; at least one.
        text: the samples are JSON, so half of the inputs are made from their documents.
        unwrap: returns what is inside a sample's envelope (compression, an encoding), for half of the inputs.
        wrap: puts such an inside into an envelope again.
    """

    def __init__(
        self,
        seed: str,
        corpus: Sequence[bytes],
        *,
        text: bool = False,
        unwrap: Callable[[bytes], bytes] | None = None,
        wrap: Callable[[bytes], bytes] | None = None,
    ) -> None:
        self._random = random.Random(seed)
        self._corpus = tuple(corpus)
        self._text = text
        self._wrap = wrap
        self._inner = tuple(unwrap(sample) for sample in corpus) if unwrap is not None else ()
        self._byte_moves: tuple[Callable[[bytearray], None], ...] = (
            *(self._flip, self._flip, self._set, self._set, self._length, self._length, self._length),
            *(self._cut, self._drop, self._double, self._insert, self._splice, self._swap),
        )

    def next(self) -> bytes:
        """The next input."""
        chance = self._random
        if self._text and chance.random() < 0.5:
            data = self._document(chance.choice(self._corpus))
            if chance.random() < 0.9:
                return data[:MOST_BYTES]
            return self._bytes(data)
        if self._wrap is not None and chance.random() < 0.7:
            return self._wrap(self._bytes(chance.choice(self._inner)))[:MOST_BYTES]
        return self._bytes(chance.choice(self._corpus))

    # Bytes

    def _bytes(self, sample: bytes) -> bytes:
        chance, data = self._random, bytearray(sample)
        for _ in range(1 + min(int(chance.expovariate(0.7)), 12)):
            if not data:
                data += chance.randbytes(chance.randrange(1, 16))
            chance.choice(self._byte_moves)(data)
        return bytes(data[:MOST_BYTES])

    def _flip(self, data: bytearray) -> None:
        data[self._at(data)] ^= 1 << self._random.randrange(8)

    def _set(self, data: bytearray) -> None:
        data[self._at(data)] = self._random.choice((0, 1, 0x7F, 0x80, 0xFF, self._random.randrange(256)))

    def _length(self, data: bytearray) -> None:
        """Write a number that may be a length, a count or a rate."""
        chance, at = self._random, self._at(data)
        layout = chance.choice("BHIQ") if chance.random() < 0.5 else chance.choice("HI")
        size, order = struct.calcsize(f"<{layout}"), chance.choice("<>")
        number = chance.choice(NUMBERS) if chance.random() < 0.7 else len(data) - at + chance.randrange(-9, 9)
        data[at : at + size] = struct.pack(order + layout, number % 256**size)

    def _cut(self, data: bytearray) -> None:
        del data[self._random.randrange(len(data) + 1) :]

    def _drop(self, data: bytearray) -> None:
        start, end = self._piece(data)
        del data[start:end]

    def _double(self, data: bytearray) -> None:
        start, end = self._piece(data)
        times = self._random.choice((1, 1, 1, 2, 5, 40)) if end - start < 200 else 1
        data[end:end] = data[start:end] * times

    def _insert(self, data: bytearray) -> None:
        at = self._at(data)
        data[at:at] = self._random.randbytes(self._random.choice((1, 2, 4, 8, 33)))

    def _splice(self, data: bytearray) -> None:
        """Put a piece of another sample into this one."""
        other = self._random.choice(self._inner or self._corpus)
        if other:
            start, end = self._piece(other)
            into, until = self._piece(data)
            data[into:until] = other[start:end]

    def _swap(self, data: bytearray) -> None:
        start, end = self._piece(data)
        middle = (start + end) // 2
        data[start:end] = data[middle:end] + data[start:middle]

    def _at(self, data: bytearray) -> int:
        # Heads decide more than tails do.
        limit = len(data) if self._random.random() < 0.5 else min(len(data), 48)
        return self._random.randrange(limit)

    def _piece(self, data: bytes | bytearray) -> tuple[int, int]:
        start = self._random.randrange(len(data))
        return start, min(len(data), start + 1 + int(self._random.expovariate(1 / 12)))

    # Documents

    def _document(self, sample: bytes) -> bytes:
        chance = self._random
        try:
            document = json.loads(sample)
        except ValueError:  # lines of JSON: change one of them
            lines = sample.splitlines()
            at = chance.randrange(len(lines))
            lines[at] = self._document(lines[at]) if lines[at].startswith(b"{") else lines[at]
            if chance.random() < 0.3:
                lines.insert(chance.randrange(len(lines) + 1), chance.choice(lines))
            if chance.random() < 0.3:
                del lines[chance.randrange(len(lines))]
            return b"\n".join(lines)
        for _ in range(1 + min(int(chance.expovariate(0.8)), 6)):
            document = self._change(document)
        separators = (",", ":") if chance.random() < 0.9 else (" ,\n", " :\t")
        try:
            text = json.dumps(document, ensure_ascii=chance.random() < 0.5, separators=separators)
        except RecursionError:  # it was nested twice
            text = "[" * 1200
        if chance.random() < 0.15:
            text = self._mistake(text)
        return text.encode("utf-16" if chance.random() < 0.01 else "utf-8", "surrogatepass")

    def _change(self, document: Any) -> Any:
        """Change one place of a document."""
        chance = self._random
        place: Any = document
        parent: Any = None
        key: Any = None
        while isinstance(place, (dict, list)) and place and (parent is None or chance.random() < 0.7):
            parent = place
            key = chance.choice(list(place)) if isinstance(place, dict) else chance.randrange(len(place))
            place = parent[key]
        if parent is None:
            return self._value(document)
        match chance.randrange(6):
            case 0 if isinstance(parent, dict):
                del parent[key]
            case 1 if isinstance(parent, dict):
                parent[chance.choice((f"{key}x", "", "\ud800", "type", "uid", "x" * 300))] = place
            case 2 if isinstance(parent, dict):
                parent[key] = _copy(parent[chance.choice(list(parent))])
            case 3 if isinstance(parent, list):
                parent += (_copy(parent) or []) * chance.choice((1, 2, 700 // len(parent)))
            case 4 if isinstance(parent, list):
                del parent[key]
            case _:
                parent[key] = self._value(place)
        return document

    def _value(self, value: Any) -> Any:
        chance = self._random
        if isinstance(value, (int, float)) and chance.random() < 0.5:
            return chance.choice(NUMBERS) + chance.randrange(-2, 3)
        if isinstance(value, str) and chance.random() < 0.5:
            if not value or chance.random() < 0.2:
                return value * chance.choice((2, 20, 300))
            at = chance.randrange(len(value))
            return value[:at] + chance.choice(("", " ", "\0", "\ud83d", "\n", "é", "9", value[at:])) + value[at + 1 :]
        if chance.random() < 0.05:
            nested: Any = value
            for _ in range(chance.choice((5, 31, 40, 600))):
                nested = [nested] if chance.random() < 0.5 else {"a": nested}
            return nested
        return _copy(chance.choice(VALUES))

    def _mistake(self, text: str) -> str:
        """Make a mistake of spelling; one in three is a name that occurs twice."""
        chance = self._random
        at = chance.randrange(len(text)) if text else 0
        if chance.random() < 0.33 and (end := text.find(",", at)) > 0 and (start := text.rfind('"', 0, end)) > 0:
            start = max(text.rfind(",", 0, start), text.rfind("{", 0, start)) + 1
            return text[:end] + "," + text[start:end] + text[end:]
        return text[:at] + chance.choice(PIECES) + text[at + chance.randrange(3) :]


def _copy(value: Any) -> Any:
    """A copy that can be changed: values are shared between inputs, which must not depend on one another."""
    try:
        return json.loads(json.dumps(value)) if isinstance(value, (dict, list)) else value
    except RecursionError:
        return None
