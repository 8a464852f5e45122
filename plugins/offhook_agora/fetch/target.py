"""The folder that a fetch makes: which ones are accepted, and how a new one takes the place of an old one."""

from __future__ import annotations

import os
import shutil
import site
import stat
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Final

from offhook.errors import ConfigError, StorageError, TransportUnavailable
from offhook.paths import obstacle
from offhook.wording import quoted_path, system_reason
from offhook_agora.layout import LIBRARIES, UPSTREAM, shell_path
from offhook_agora.marker import MARKER, read_marker

if TYPE_CHECKING:
    from collections.abc import Iterator

_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})


def check_target(folder: Path) -> None:
    """Check that a fetch may make a folder anew. It changes nothing.

    Raises:
        ConfigError: it is where packages are installed, or holds something else than what a fetch puts there.
        StorageError: nothing can be written there.
    """
    inside = next((place for place in (folder, *folder.parents) if place.name in _INSTALLED), None) or next(
        (place for place in _package_folders() if place in (folder, *folder.parents)), None
    )
    if inside:
        raise ConfigError(
            f"{quoted_path(folder)} is where Python packages are installed, and a fetch writes nothing there: leave "
            "--into out, or name a folder of your own"
        )
    problem = obstacle(folder.parent)
    if problem:
        raise StorageError(f"{problem}. To fetch into another folder, use --into")
    if folder.is_mount():
        raise ConfigError(
            f"{quoted_path(folder)} is a mount point, so it cannot be replaced as a whole: name a folder in it, such "
            f"as --into {shell_path(folder / 'agora')}"
        )
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{quoted_path(folder)} is a file and not a folder: name a folder with --into")
    try:
        names = {path.name for path in folder.iterdir()} if folder.exists() else set[str]()
    except OSError as error:
        raise StorageError(f"{quoted_path(folder)} cannot be read: {system_reason(error)}") from None
    if names - {LIBRARIES, UPSTREAM} and MARKER not in names:
        raise ConfigError(
            f"{quoted_path(folder)} holds other files, and a fetch replaces the whole folder: name a new or an empty "
            "one with --into"
        )
    try:
        marker = read_marker(folder)
    except TransportUnavailable:
        marker = None  # a damaged one is made anew
    if marker and marker.kind == "mock":
        raise ConfigError(
            f"{quoted_path(folder)} holds the mock's SDK (offhook mock agora-sdk): name another folder with --into"
        )


def resolved(folder: Path) -> Path:
    """Return a folder with symbolic links followed, since a fetch replaces what they lead to.

    Raises:
        ConfigError: they lead in a circle.
    """
    try:
        return folder.resolve()
    except (OSError, RuntimeError):
        raise ConfigError(f"{quoted_path(folder)} leads in a circle of symbolic links: name another folder") from None


def check_work_folder(work: Path) -> None:
    """Check that no other user can change what is checked in a work folder, such as one below ``/tmp``.

    Raises:
        StorageError: one can.
    """
    try:
        found = work.lstat()
    except OSError as error:
        raise StorageError(f"{quoted_path(work)} cannot be used: {system_reason(error)}") from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise StorageError(
            f"{quoted_path(work)} is a link, or other users can write there, and a fetch would work in it: remove it, "
            "or name another folder with --into"
        )


def work_folder(folder: Path) -> Path:
    """Return the folder beside a target in which a fetch works, and where a download that was cut off remains."""
    return folder.parent / f".{folder.name}.fetch"


def replace(folder: Path, new: Path, old: Path) -> None:
    """Put a new folder in the place of an old one; if that fails, the old one stays.

    Upstream's Python layer in the old one, which a user has put there, is kept.

    Args:
        folder: the target; it may not exist.
        new: what takes its place.
        old: where the old one is put, and removed.

    Raises:
        StorageError: that is not possible.
    """
    try:
        moved = folder.exists()
        if moved:
            folder.rename(old)
        try:
            _move(old / UPSTREAM, new / UPSTREAM)
            new.rename(folder)
        except OSError:
            if moved:
                recover(folder, old, new)
            raise
    except OSError as error:
        raise StorageError(f"{quoted_path(folder)} cannot be replaced: {system_reason(error)}") from None
    shutil.rmtree(old, ignore_errors=True)


def recover(folder: Path, old: Path, new: Path) -> None:
    """Put the old folder back, if a fetch was stopped in `replace`.

    Raises:
        OSError: it cannot be put back.
    """
    if old.is_dir() and not folder.exists():
        _move(new / UPSTREAM, old / UPSTREAM)
        old.rename(folder)


def _move(source: Path, target: Path) -> None:
    if source.exists() and not target.exists():
        source.rename(target)


def _package_folders() -> Iterator[Path]:
    names = (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), site.getusersitepackages())
    yield from (Path(name).resolve() for name in (*names, *site.getsitepackages()))
