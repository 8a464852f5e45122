"""Secrets: values that do not print, format, pickle or compare by accident, and a register of the live ones.

Every secret registers its value when it is made; `redact()` replaces each registered value in a text. The logging
filter, the journal and the mock's output all go through it, so a token that slips into a message does not get out.
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

_live: weakref.WeakSet[Secret] = weakref.WeakSet()


class Secret:
    """A text that shows itself only through `reveal()`.

    There is no equality by ``==`` (use `matches`, which takes constant time), no pickling and no formatting.
    """

    __slots__ = ("__weakref__", "_value")

    def __init__(self, value: str) -> None:
        self._value = value
        _live.add(self)

    def reveal(self) -> str:
        """The text itself. Call it where the value leaves the process, and nowhere else."""
        return self._value

    def matches(self, other: str) -> bool:
        """Whether `other` is this secret, compared in constant time."""
        return hmac.compare_digest(self._value.encode(), other.encode())

    @property
    def fingerprint(self) -> str:
        """Eight hex digits of the value's SHA-256: enough to tell two secrets apart, useless for anything else."""
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


def redact(text: str) -> str:
    """`text` with the value of every live secret replaced by `MASK`."""
    for value in sorted((secret.reveal() for secret in _all_live()), key=len, reverse=True):  # one may hold another
        if len(value) >= _SHORTEST and value in text:
            text = text.replace(value, MASK)
    return text


def _all_live() -> tuple[Secret, ...]:
    while True:
        try:
            return tuple(_live)
        except RuntimeError:  # another thread made a secret meanwhile
            continue


class RedactingFilter(logging.Filter):
    """Puts `redact` over a log record, its arguments and its traceback. Add it to a handler, not to a logger.

    A record without a secret is left as it is, for whoever groups records by their messages or formats tracebacks.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            message, arguments = record.getMessage(), repr(record.args)
        except Exception:  # arguments that do not fit their message are the caller's mistake, and no reason to raise
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
