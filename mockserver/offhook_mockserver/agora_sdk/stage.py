"""Lays out an SDK folder: a native library of the mock's, a parent module that does no harm, upstream's Python layer.

::

    DIR/agora/__init__.py          ours: finds upstream's files
    DIR/agora_sdk/                 the native library
    DIR/upstream/agora/            upstream's files as they are, unless they are installed
    DIR/offhook-agora-sdk.json     what this is, written last

Everything is made in a new folder beside DIR, which then takes its place: DIR is never half done.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from offhook.errors import ConfigError, StorageError
from offhook.paths import make_folder
from offhook.wording import quoted_path, system_reason
from offhook_mockserver.agora_sdk import misuse_watch
from offhook_mockserver.agora_sdk.build import build
from offhook_mockserver.agora_sdk.parent_module import TEXT
from offhook_mockserver.agora_sdk.releases import PROJECT
from offhook_mockserver.agora_sdk.unpacking import SERVICE, unpack

if TYPE_CHECKING:
    from collections.abc import Generator

MARKER: Final = "offhook-agora-sdk.json"
#: Other programs read it to find the SDK: the transport `agora` among them.
_FORMAT: Final = 1
_KIND: Final = "mock"
_LARGEST_MARKER: Final = 65_536
#: How often it is looked whether another process is done.
_LOOK_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Staged:
    """An SDK folder that was laid out.

    Attributes:
        folder: the folder.
        version: the version of upstream's Python layer; empty if it is not known.
        package: the folder of that layer: inside `folder`, or the installed one.
    """

    folder: Path
    version: str
    package: Path


def installed_package() -> Path | None:
    """Return the folder of the installed `agora` package of Agora's; None without one. It is not imported."""
    for entry in sys.path:
        package = Path(entry or os.curdir, "agora").absolute()
        with contextlib.suppress(OSError, ValueError):
            if (package / SERVICE).is_file():
                return package
    return None


def version_of(package: Path) -> str:
    """Return the version of an installed package, from the name of its metadata; empty if there is none."""
    names = sorted(path.name for path in package.parent.glob(f"{PROJECT.replace('-', '_')}-*.dist-info"))
    return names[0].removesuffix(".dist-info").rpartition("-")[2] if names else ""


def stage(
    into: Path,
    package: Path | None,
    archive: bytes = b"",
    version: str = "",
    stop: threading.Event | None = None,
) -> Staged:
    """Lay out an SDK folder, in place of one that a mock has made before.

    Args:
        into: the folder; a folder of another kind must be empty.
        package: the installed Python layer; None to lay out the one of `archive`.
        archive: the source archive, whose hash was checked.
        version: the version of the Python layer; empty if it is not known.
        stop: ends it early, and has it raise, once it is set; the folder is as it was.

    Raises:
        ConfigError: the folder holds something else; the C compiler is missing, or cannot compile the library; the
            archive is not one of the SDK.
        StorageError: the folder cannot be written.
    """
    folder = into.resolve()
    try:
        make_folder(folder.parent, "Choose another folder for --into.")
        with _alone_in(folder.parent, stop or threading.Event()):
            check_replaceable(folder)
            with tempfile.TemporaryDirectory(
                dir=folder.parent, prefix=f".{folder.name}.", ignore_cleanup_errors=True
            ) as name:
                new = Path(name, "new")
                new.mkdir()
                if package is None:
                    (new / "upstream").mkdir()
                    unpack(archive, new / "upstream")
                build(package or new / "upstream" / "agora", new / "agora_sdk", stop=stop)
                _write_ours(new, version)
                _put_in_place(new, folder, Path(name, "old"))
    except (OSError, ValueError) as error:
        raise StorageError(f"the SDK folder {quoted_path(into)} cannot be written: {system_reason(error)}.") from None
    return Staged(folder, version, package or folder / "upstream" / "agora")


def check_replaceable(folder: Path) -> None:
    """Check that a folder may be laid out: there is none, it is empty, or a mock has made it.

    Raises:
        ConfigError: it holds something else.
        OSError: it cannot be read.
    """
    folder = folder.resolve()
    if not os.path.lexists(folder):
        return
    if not folder.is_dir():
        raise ConfigError(f"--into needs a folder, and {quoted_path(folder)} is a file")
    if folder.is_mount():
        raise ConfigError(f"{quoted_path(folder)} is a mount point, which cannot be replaced: pass a folder in it")
    if not any(folder.iterdir()):
        return
    kind = _kind_of(folder)
    if kind == "agora":
        raise ConfigError(
            f"{quoted_path(folder)} holds Agora's own library, from `offhook agora fetch`, and a mock does not replace "
            "it: choose another folder for --into"
        )
    if kind != _KIND:
        raise ConfigError(
            f"{quoted_path(folder)} is not empty and was not made by `offhook mock agora-sdk`: choose another folder "
            "for --into"
        )


def _kind_of(folder: Path) -> str:
    try:
        with (folder / MARKER).open("rb") as file:
            document: object = json.loads(file.read(_LARGEST_MARKER))
    except (OSError, ValueError, RecursionError):
        return ""
    return str(cast("dict[str, Any]", document).get("kind", "")) if isinstance(document, dict) else ""


@contextlib.contextmanager
def _alone_in(parent: Path, stop: threading.Event) -> Generator[None]:
    """Keep other processes from laying out a folder in `parent` meanwhile."""
    descriptor = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        while not _locked(descriptor):
            if stop.wait(_LOOK_S):
                raise ConfigError("stopped while another process lays out a folder there")
        yield
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _write_ours(new: Path, version: str) -> None:
    ours = new / "agora"
    ours.mkdir()
    (ours / "__init__.py").write_text(TEXT, encoding="utf-8")
    watch = misuse_watch.__file__
    assert watch is not None
    shutil.copyfile(watch, ours / "_offhook_misuse_watch.py")
    document = {"format": _FORMAT, "kind": _KIND, "sdk": version}
    (new / MARKER).write_text(json.dumps(document, indent=1) + "\n", encoding="ascii")


def _put_in_place(new: Path, folder: Path, old: Path) -> None:
    """Let `new` take the place of `folder`, whose content moves to `old`, from where it is removed."""
    new.chmod(0o755)  # the folder around it is private; this one holds nothing of the user's
    if not folder.is_dir() or not any(folder.iterdir()):
        new.rename(folder)  # in place of an empty folder, or of none
        return
    folder.rename(old)
    try:
        new.rename(folder)
    except OSError:
        old.rename(folder)
        raise
