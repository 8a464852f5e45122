"""The file that says what an SDK folder holds. It is written last, so a folder without it is not complete."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from offhook.errors import TransportNotSetUp, TransportUnavailable
from offhook.wording import quoted, quoted_path

if TYPE_CHECKING:
    from pathlib import Path

#: The name of the file.
MARKER: Final = "offhook-agora-sdk.json"
_FORMAT: Final = 1
_LARGEST: Final = 64 * 1024
_SHORTAGES: Final = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)

#: Whose native library a folder holds: Agora's own, or the mock's.
Kind = Literal["agora", "mock"]


@dataclass(frozen=True, slots=True)
class Marker:
    """What an SDK folder holds.

    Attributes:
        kind: whose native library it is.
        sdk: the version of upstream's Python layer that the library belongs to; empty if it is not known.
        address: where the library was fetched from; empty for a file, and for the mock's.
        sha256: the hash of the archive that the library is from; empty for the mock's.
    """

    kind: Kind
    sdk: str = ""
    address: str = ""
    sha256: str = ""


def read_marker(folder: Path) -> Marker | None:
    """Return what an SDK folder holds; None if it has no such file, so that the folder is not complete.

    Raises:
        TransportNotSetUp: the file cannot be read, or is not one that this version of offhook writes.
        TransportUnavailable: too many files are open.
    """
    path = folder / MARKER
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise TransportNotSetUp(
            f"{quoted_path(path)} cannot be read ({unread_reason(error)}): make the folder readable for the user that "
            "runs this program"
        ) from None
    try:
        document: object = json.loads(raw)
    except (ValueError, RecursionError):
        document = None
    if len(raw) > _LARGEST or not isinstance(document, dict):
        raise TransportNotSetUp(f"{quoted_path(path)} is damaged: remove {quoted_path(folder)} and make it again")
    entries = cast("dict[str, Any]", document)
    if entries.get("format") != _FORMAT or entries.get("kind") not in ("agora", "mock"):
        raise TransportNotSetUp(
            f"{quoted_path(path)} has format {quoted(str(entries.get('format')))} and kind "
            f"{quoted(str(entries.get('kind')))}, which this version of offhook does not know: update offhook, or make "
            "the folder again"
        )
    texts = {name: entries.get(name, "") for name in ("sdk", "address", "sha256")}
    return Marker(entries["kind"], **{name: text if isinstance(text, str) else "" for name, text in texts.items()})


def write_marker(folder: Path, marker: Marker) -> None:
    """Write what an SDK folder holds; the file appears whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    text = json.dumps({"format": _FORMAT, **asdict(marker)}, indent=1)
    waiting = folder / f"{MARKER}.{os.getpid()}"
    # Not private: another user may run what one user has fetched.
    with waiting.open("wb") as file:
        file.write(text.encode("ascii") + b"\n")
        file.flush()
        os.fsync(file.fileno())
    waiting.replace(folder / MARKER)


def unread_reason(error: OSError | ValueError) -> str:
    """Why a file cannot be read, without the advice of `system_reason`, which is about files to write.

    Raises:
        TransportUnavailable: nothing is wrong with the file: this program or machine has run out of something.
    """
    if isinstance(error, OSError):
        if error.errno in _SHORTAGES:
            raise TransportUnavailable(
                f"the files of Agora's SDK cannot be read now: {error.strerror}; place fewer calls at once, or raise "
                "the limit (ulimit -n)"
            ) from None
        return error.strerror or "the system reports no reason"
    return "the path holds a NUL character"
