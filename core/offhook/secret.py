"""Secrets: values that do not print, format, pickle or compare by accident, and a register of the live ones.

Every secret registers its value when it is made; `redact()` replaces each registered value in a text. The logging
filter, the journal and the mock's output all go through it, so a token in a message does not get out.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import weakref
from typing import NoReturn

#: What stands in a text where a secret stood.
MASK = "[secret]"

#: Values shorter than this are not replaced in texts: they would match by chance.
_SHORTEST = 6
#: With this many values or fewer, looking for each of them is fastest.
_FEW = 12
#: How many pieces of each value are kept at most, see `_Values`.
_MOST_PIECES = 8


class Secret:
    """A text that shows itself only through `reveal()`.

    It cannot be compared by ``==`` (use `matches`, which takes constant time), pickled or formatted.
    """

    __slots__ = ("__weakref__", "_value")

    def __init__(self, value: str) -> None:
        self._value = value
        _register(self)

    def reveal(self) -> str:
        """The text itself. Call it only where the value leaves the process."""
        return self._value

    def matches(self, other: str) -> bool:
        """Whether `other` is this secret, compared in constant time."""
        return hmac.compare_digest(self._value.encode(), other.encode())

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


class _Values:
    """The values of the secrets that are alive, ready to be looked for.

    A text is looked at in pieces of `_SHORTEST` characters, every `_stride` characters. A value that stands in the text
    covers one of them whole, whatever its place, since its pieces at the first `_stride` offsets are all known.

    Args:
        version: which set of live secrets they are taken from.
    """

    def __init__(self, version: object) -> None:
        self.version = version
        values = {secret.reveal() for secret in _all_live()}
        #: Longest first, since one may hold another.
        self._values = sorted((value for value in values if len(value) >= _SHORTEST), key=len, reverse=True)
        shortest = len(self._values[-1]) if self._values else _SHORTEST
        self._stride = min(_MOST_PIECES, shortest - _SHORTEST + 1)
        self._pieces = {value[start : start + _SHORTEST] for value in self._values for start in range(self._stride)}

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


_live: set[weakref.ref[Secret]] = set()
#: A new object whenever a secret is made or has died: what was prepared before is out of date.
_version = object()
_prepared: _Values | None = None


def _register(secret: Secret) -> None:
    global _version
    _live.add(weakref.ref(secret, _forget))
    _version = object()  # last: values that were prepared without the secret have the old version


def _forget(reference: weakref.ref[Secret]) -> None:
    """A secret has died. This runs in any thread and in the middle of anything."""
    global _version
    _live.discard(reference)
    _version = object()


def redact(text: str) -> str:
    """`text` with the value of every live secret replaced by `MASK`.

    Where no secret stands in the text, the cost depends on the text's length and not on how many secrets are alive.
    """
    global _prepared
    version = _version  # before the values are read: values may be newer than their version says, and never older
    prepared = _prepared
    if prepared is None or prepared.version is not version:
        _prepared = prepared = _Values(version)
    return prepared.replaced(text)


def _all_live() -> list[Secret]:
    while True:
        try:
            return [secret for reference in _live if (secret := reference()) is not None]
        except RuntimeError:  # a secret was made or has died meanwhile
            continue


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
