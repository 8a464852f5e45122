"""Unpacks an archive of native libraries, and nothing that a hostile one would put elsewhere."""

from __future__ import annotations

import errno
import shutil
import stat
import struct
import zipfile
import zlib
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from offhook.errors import StorageError, TransportUnavailable
from offhook.wording import quoted, quoted_path, system_reason

if TYPE_CHECKING:
    from pathlib import Path

    from offhook_agora.fetch.limits import Limits

_PIECE: Final = 1024 * 1024
#: The end of an archive: marks, counts, the size and the place of its directory, the length of a comment.
_END: Final = struct.Struct("<4sHHHHIIH")
_END_MARK: Final = b"PK\x05\x06"
#: What stands before the end in the 64-bit format, whose counts are elsewhere.
_WIDE_MARK: Final = b"PK\x06\x07"
_WIDE_BYTES: Final = 20
_LONGEST_COMMENT: Final = 0xFFFF
#: How long the directory of an archive may be: it is read as a whole.
_DIRECTORY_BYTES: Final = 8 * 1024 * 1024
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED: Final = 1
_LONGEST_NAME, _DEEPEST = 200, 20


def unpack(archive: Path, into: Path, main_library: str, limits: Limits) -> None:
    """Unpack the folder of an archive in which the main library is; `into` becomes that folder.

    Args:
        archive: a zip file.
        into: a folder that does not exist.
        main_library: the file name by which the folder is found.
        limits: how much it may hold.

    Raises:
        TransportUnavailable: it is not a zip file, is damaged, holds what is not accepted, or not the library.
        StorageError: it cannot be read, or its files cannot be written.
    """
    problem = ""
    try:
        _check_directory(archive, limits)
        with zipfile.ZipFile(archive) as zipped:
            entries = zipped.infolist()
            for entry in entries:
                _check_entry(entry)
            if sum(entry.file_size for entry in entries) > limits.unpacked_bytes:
                raise _Rejected(f"it holds more than {limits.unpacked_bytes // 1024**2} MiB")
            _write(zipped, _below(entries, main_library), into)
    except _Rejected as error:
        problem = str(error)
    except (zipfile.BadZipFile, zlib.error, EOFError, struct.error, NotImplementedError, RuntimeError, ValueError):
        problem = "it is damaged, or is not a zip file"
    except OSError as error:
        if error.errno == errno.EINVAL:  # its directory leads to a place before its beginning
            raise TransportUnavailable("the archive was not unpacked: it is damaged") from None
        raise StorageError(f"{quoted_path(into)} cannot be unpacked: {system_reason(error)}") from None
    if problem:
        raise TransportUnavailable(f"the archive was not unpacked: {problem}")


class _Rejected(Exception):
    """The archive holds what is not accepted."""


def _check_directory(archive: Path, limits: Limits) -> None:
    """Check the size of the directory before it is read."""
    with archive.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _END.size - _LONGEST_COMMENT))
        end = file.read()
    at = end.rfind(_END_MARK)
    if at < 0 or len(end) - at < _END.size:
        raise _Rejected("it is damaged, or is not a zip file")
    _, _, _, _, count, length, _, _ = _END.unpack_from(end, at)
    wide = end[max(0, at - _WIDE_BYTES) : at].startswith(_WIDE_MARK)
    if wide or count > limits.files or length > _DIRECTORY_BYTES:
        raise _Rejected(f"it holds more than {limits.files} files, or needs the 64-bit format")


def _check_entry(entry: zipfile.ZipInfo) -> None:
    name, kind = entry.filename, stat.S_IFMT(entry.external_attr >> 16)
    parts = name.removesuffix("/").split("/")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _Rejected(f"{quoted(name)} in it is a link or a device")
    # `zipfile` cuts a name at a NUL, and turns backslashes around on some systems.
    plain = name == entry.orig_filename and name.isprintable() and not set(name) & set("\\:")
    if not plain or not all(parts) or {".", ".."} & {*parts} or len(parts) > _DEEPEST or len(name) > _LONGEST_NAME:
        raise _Rejected(f"{quoted(entry.orig_filename)} in it is not the name of a file inside a folder")
    if entry.flag_bits & _ENCRYPTED or entry.compress_type not in _METHODS:
        raise _Rejected(f"{quoted(name)} in it is encrypted, or compressed in an unusual way")


def _below(entries: list[zipfile.ZipInfo], main_library: str) -> dict[PurePosixPath, zipfile.ZipInfo]:
    """The files in the folder of the main library, by their paths in it."""
    files = {PurePosixPath(entry.filename): entry for entry in entries if not entry.is_dir()}
    if len(files) < sum(not entry.is_dir() for entry in entries):
        raise _Rejected("two files in it have one name")
    homes = sorted((len(path.parents), path.parent) for path in files if path.name == main_library)
    if not homes:
        raise _Rejected(f"{main_library} is not in it: it is not Agora's library for this system")
    if len(homes) > 1 and homes[0][0] == homes[1][0]:
        raise _Rejected(f"{main_library} is in it more than once")
    home = homes[0][1]
    below = {path.relative_to(home): entry for path, entry in files.items() if path.is_relative_to(home)}
    names = {str(path).casefold() for path in below}
    # A file system that ignores case would write one over the other; a file cannot be a folder as well.
    if len(names) < len(below) or any(str(parent).casefold() in names for path in below for parent in path.parents):
        raise _Rejected("two files in it have one name")
    return below


def _write(zipped: zipfile.ZipFile, files: dict[PurePosixPath, zipfile.ZipInfo], into: Path) -> None:
    into.mkdir()
    for path, entry in files.items():
        target = into / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with zipped.open(entry) as source, target.open("xb") as file:
            # It ends where the entry says; what is longer or shorter fails the checksum.
            shutil.copyfileobj(source, file, _PIECE)
