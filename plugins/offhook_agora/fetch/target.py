"""The folder that a fetch makes: which ones are accepted, and how a new one takes the place of an old one."""

from __future__ import annotations

import shutil
import site
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Final

from offhook.errors import ConfigError, StorageError, TransportUnavailable
from offhook.paths import obstacle
from offhook.wording import quoted_path, system_reason
from offhook_agora.layout import LIBRARIES, shell_path
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
    if folder.is_mount():
        raise ConfigError(
            f"{quoted_path(folder)} is a mount point, so it cannot be replaced as a whole: name a folder in it, such "
            f"as --into {shell_path(folder / 'agora')}"
        )
    problem = obstacle(folder.parent) or (obstacle(folder) if folder.is_dir() else "")
    if problem:
        raise StorageError(f"{problem}. To fetch into another folder, use --into")
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{quoted_path(folder)} is a file and not a folder: name a folder with --into")
    names = {path.name for path in folder.iterdir()} if folder.exists() else set[str]()
    if names - {LIBRARIES} and MARKER not in names:
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


def work_folder(folder: Path) -> Path:
    """Return the folder beside a target in which a fetch works, and where a download that was cut off remains."""
    return folder.parent / f".{folder.name}.fetch"


def replace(folder: Path, new: Path, old: Path) -> None:
    """Put a new folder in the place of an old one; if that fails, the old one stays.

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
            new.rename(folder)
        except OSError:
            if moved:
                old.rename(folder)
            raise
    except OSError as error:
        raise StorageError(f"{quoted_path(folder)} cannot be replaced: {system_reason(error)}") from None
    shutil.rmtree(old, ignore_errors=True)


def recover(folder: Path, old: Path) -> None:
    """Put the old folder back, if a fetch was killed between the two steps of `replace`."""
    if old.is_dir() and not folder.exists():
        old.rename(folder)


def _package_folders() -> Iterator[Path]:
    names = (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), site.getusersitepackages())
    yield from (Path(name).resolve() for name in (*names, *site.getsitepackages()))
