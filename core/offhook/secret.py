"""Secrets: values that do not print, format, pickle or compare by accident, and a register of the live ones.

Every secret registers its value when it is made; `redact()` replaces each registered value in a text. The logging
filter, the journal and the mock's output all go through it, so a token in a message does not get out.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import weakref
from typing import Final, NoReturn

#: What stands in a text where a secret stood.
MASK = "[secret]"

#: Values shorter than this are not replaced in texts: they would match by chance.
_SHORTEST = 6
#: With this many values or fewer, looking for each of them is fastest.
_FEW = 12
#: What JSON escapes in a text.
_ESCAPED_BY_JSON: Final = re.compile(r'["\\\x00-\x1f]')
#: How many pieces of each value are kept at most, see `_Values`.
_MOST_PIECES = 8


class Secret:
    """A text that shows itself only through `reveal()`.

    It cannot be compared by ``==`` (use `matches`, which takes constant time), pickled or formatted.

    Raises:
        TypeError: here and in `matches`: the value is not text. (Errors of offhook are redacted, so they are built upon
            this module and cannot be raised by it.)
    """

    __slots__ = ("__weakref__", "_value")

    def __init__(self, value: str) -> None:
        self._value = _text(value)
        _live.add(self)

    def reveal(self) -> str:
        """The text itself. Call it only where the value leaves the process."""
        return self._value

    def matches(self, other: str) -> bool:
        """Whether `other` is this secret, compared in constant time."""
        return hmac.compare_digest(self._value.encode(), _text(other).encode())

    @property
    def fingerprint(self) -> str:
        """Eight hex digits of the value's SHA-256: enough to distinguish two secrets, useless for anything else."""
        return hashlib.sha256(self._value.encode()).hexdigest()[:8]

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return f"Secret({self.fingerprint})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, format_spec: str) -> str:
        return MASK

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled: pass the name of the environment variable or a callable instead")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a Secret needs text, got {type(value).__name__}")
    return value


class _Values:
    """The values of some secrets, ready to be looked for.

    From a text, a piece of `_SHORTEST` characters is taken at every `_stride`-th position. Wherever a value stands in
    the text, one of these pieces lies entirely within the value and starts at one of its first `_stride` characters.
    `_pieces` holds the pieces of all values that start there, so a text without any of them holds no value.
    """

    def __init__(self, secrets: list[Secret]) -> None:
        values = {secret.reveal() for secret in secrets}
        #: Longest first, since one value may contain another.
        self._values = sorted((value for value in values if len(value) >= _SHORTEST), key=len, reverse=True)
        shortest = len(self._values[-1]) if self._values else _SHORTEST
        self._stride = min(_MOST_PIECES, shortest - _SHORTEST + 1)
        self._pieces = {value[start : start + _SHORTEST] for value in self._values for start in range(self._stride)}
        #: Whether JSON spells one of them otherwise.
        self._escaped = any(map(_ESCAPED_BY_JSON.search, self._values))

    def may_be_in_json(self, text: str) -> bool:
        """Whether a value may stand in `text`, which is JSON."""
        return self._escaped or self.replaced(text) is not text

    def replaced(self, text: str) -> str:
        """`text` with each value replaced by `MASK`."""
        if len(self._values) > _FEW:
            places = range(0, len(text) - _SHORTEST + 1, self._stride)
            if self._pieces.isdisjoint([text[place : place + _SHORTEST] for place in places]):
                return text
        for value in self._values:
            if value in text:
                text = text.replace(value, MASK)
        return text


class _LiveSecrets:
    """The secrets that are alive. Any thread may make a secret at any moment, and a secret may die at any moment."""

    def __init__(self) -> None:
        self._references: set[weakref.ref[Secret]] = set()
        #: A new object whenever a secret is made or has died.
        self._version = object()
        #: The values that were prepared last, and the version of the set that they are from.
        self._prepared: tuple[object, _Values] | None = None

    def add(self, secret: Secret) -> None:
        self._references.add(weakref.ref(secret, self._forget))
        self._version = object()  # last: values that were prepared without the secret have the old version

    def _forget(self, reference: weakref.ref[Secret]) -> None:
        self._references.discard(reference)
        self._version = object()

    def values(self) -> _Values:
        """The values as they are now, prepared again only when a secret was made or has died."""
        version = self._version  # before the secrets are read: values may be newer than their version, and never older
        prepared = self._prepared
        if prepared is None or prepared[0] is not version:
            self._prepared = prepared = (version, _Values(self.alive()))
        return prepared[1]

    def alive(self) -> list[Secret]:
        """All secrets that are alive."""
        while True:
            try:
                return [secret for reference in self._references if (secret := reference()) is not None]
            except RuntimeError:  # a secret was made or has died meanwhile
                continue


_live: Final = _LiveSecrets()


def redact(text: str) -> str:
    """`text` with the value of every live secret replaced by `MASK`.

    Where no secret stands in the text, the cost depends on the text's length and not on how many secrets are alive.
    """
    return text if len(text) < _SHORTEST else _live.values().replaced(text)


def may_be_in_json(text: str) -> bool:
    """Whether a live secret may stand in `text`, which is JSON in which only what must be is escaped.

    It is cheaper to ask this once than to `redact` every text before. True may be wrong, False is not.
    """
    return _live.values().may_be_in_json(text)


class RedactingFilter(logging.Filter):
    """Puts `redact` over a log record, its arguments and its traceback. Add it to a handler, not to a logger.

    A record without a secret is left as it is, so that records can be grouped by their messages.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            message, arguments = record.getMessage(), repr(record.args)
        except Exception:  # arguments that do not fit the message are the caller's mistake; logging must not raise
            message, arguments = f"{record.msg} {record.args!r}", ""
            record.msg, record.args = message, None
        clean = redact(message)
        if clean != message or redact(arguments) != arguments:  # some formatters write down the arguments as well
            record.msg, record.args = clean, None
        if record.exc_info:
            traceback = record.exc_text or logging.Formatter().formatException(record.exc_info)
            clean = redact(traceback)
            if clean != traceback:
                record.exc_text = clean
        return True
