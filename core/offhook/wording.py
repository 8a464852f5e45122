"""How messages show things: quoted, cut, escaped, the nearest name, the system's reason."""

from __future__ import annotations

import difflib
import errno
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def nearest_name(name: str, known: Iterable[str]) -> str:
    """``; did you mean …?`` with the known name that is most like `name`; empty if none is similar."""
    close = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {close[0]}?" if close else ""


def no_attribute(thing: object, name: str) -> AttributeError:
    """The error for a name that an object does not have, with the nearest of its public names.

    For a `__getattr__`. Python calls that as well when a property raises AttributeError, and shows that error then.
    """
    kind = type(thing)
    if hasattr(kind, name):
        try:
            object.__getattribute__(thing, name)
        except AttributeError as error:
            return error
    near = "" if name.startswith("_") else nearest_name(name, [known for known in dir(kind) if known[0] != "_"])
    return AttributeError(f"{kind.__name__!r} object has no attribute {name!r}{near}", name=name, obj=thing)


def quoted(text: str) -> str:
    """A text that a person typed, quoted, cut to 40 characters, with unprintable characters escaped."""
    return ascii(text if len(text) <= 40 else text[:37] + "...")


def printable(text: str) -> str:
    """`text` as one line that a terminal can show as it is: everything unprintable in it is escaped.

    That includes line breaks, escape sequences, and the marks that change the direction of writing.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


_REASONS: Final[Mapping[int, str]] = {
    errno.EEXIST: (
        "it exists already, and offhook never writes over a file. Choose another name, move it away, or write a * in "
        "the name, which becomes the next free number"
    ),
    errno.ENOENT: "its folder does not exist. Make the folder first",
    errno.ENOTDIR: "a part of its path is not a folder. Choose another path",
    errno.EACCES: "its folder may not be written to. Choose another folder or change its permissions",
    errno.EPERM: "its folder may not be written to. Choose another folder or change its permissions",
    errno.EROFS: "the file system is read-only. Choose another folder",
    errno.ENAMETOOLONG: "the name is too long. Choose a shorter one",
    errno.ENOSPC: "the disk is full. Make room",
    errno.EDQUOT: "the disk quota is used up. Make room",
    errno.EFBIG: "the file may not grow any more. Raise the limit on file sizes (ulimit -f)",
}


def quoted_path(path: str | os.PathLike[str]) -> str:
    """A path for a message: quoted, unprintable characters escaped, a long one cut at the front."""
    text = os.fspath(path)
    return repr(text if len(text) <= 120 else "…" + text[-119:])


def system_reason(error: OSError | ValueError) -> str:
    """Why a file cannot be written, and what to do about it, as the end of a sentence."""
    if isinstance(error, OSError):
        return _REASONS.get(error.errno or 0, error.strerror or "the system reports no reason")
    return "the path holds a NUL character. Choose another path"


#: The longest part of an error's text that is shown.
_LONGEST: Final = 1000


def describe(error: BaseException) -> str:
    """The class of an error and its text, in one line. Making the text runs foreign code, which may raise."""
    try:
        text = " ".join(str(error).split())[:_LONGEST]
    except KeyboardInterrupt:
        raise
    except BaseException:
        text = "(its text cannot be shown)"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
