"""What is wrong with a folder of native libraries, found out without loading one."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from offhook.wording import quoted, quoted_path
from offhook_agora.elf import Library, NotALibrary
from offhook_agora.marker import unread_reason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from offhook_agora.machine import Machine


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a folder of libraries.

    Attributes:
        text: what is wrong and where, without a full stop.
        cure: what to do; empty if the folder must be made anew.
    """

    text: str
    cure: str = ""


_ENDINGS: Final = (".so", ".dylib")
_READABLE: Final = "make it readable for the user that runs this program"
#: How many files of a folder are looked at.
_MOST_FILES: Final = 100


def machine_problem(machine: Machine) -> str:
    """Return why Agora's libraries cannot work on a machine, and what to do; empty if they can."""
    if machine.system not in ("linux", "darwin"):
        return f"Agora builds no library for {quoted(machine.system)}: use Linux or macOS"
    if machine.system == "linux" and machine.processor not in ("x86_64", "aarch64"):
        return f"Agora builds no library for {machine.name}: use a machine with x86_64 or aarch64"
    if machine.system == "linux" and machine.glibc is None:
        return (
            "Agora's libraries need the GNU C library, and this system has another one (Alpine has musl): use a system "
            "or an image with glibc, such as Debian or Ubuntu"
        )
    return ""


def problems(libraries: Path, machine: Machine, symbols: frozenset[str] = frozenset()) -> Iterator[Problem]:
    """Yield what is wrong with a folder of libraries.

    Libraries for macOS are only looked for, and not read.

    Args:
        libraries: the folder.
        machine: the machine that they are for.
        symbols: the functions that the main library must have; none to leave them unchecked.
    """
    try:
        names = sorted(entry.name for entry in os.scandir(libraries) if entry.name.endswith(_ENDINGS))
        mounted = os.statvfs(libraries).f_flag
    except (OSError, ValueError) as error:
        yield Problem(f"{quoted_path(libraries)} cannot be read: {unread_reason(error)}", _READABLE)
        return
    if mounted & getattr(os, "ST_NOEXEC", 0):
        text = f"{quoted_path(libraries)} is on a file system that is mounted noexec, so nothing in it can be loaded"
        yield Problem(text, "fetch into a folder on another one, with offhook agora fetch --into DIR")
    missing = [name for name in machine.needed_libraries if not _is_there(libraries / name)]
    if missing:
        yield Problem(f"{quoted_path(libraries)} lacks {' and '.join(missing)}")
    if machine.system != "linux":
        return
    for name in sorted({*machine.needed_libraries} - {*missing} | {*names[:_MOST_FILES]}):
        yield from _library_problems(
            libraries / name, machine, symbols if name == machine.main_library else frozenset()
        )


def _library_problems(path: Path, machine: Machine, symbols: frozenset[str]) -> Iterator[Problem]:
    try:
        library = Library.read(path, symbols=bool(symbols))
    except NotALibrary as error:
        yield Problem(f"{quoted_path(path)} {error}")
        return
    except (OSError, ValueError) as error:
        yield Problem(f"{quoted_path(path)} cannot be read: {unread_reason(error)}", _READABLE)
        return
    if library.processor != machine.processor:
        yield Problem(f"{quoted_path(path)} is built for {library.processor}, and this machine is {machine.processor}")
        return
    if library.glibc and machine.glibc and library.glibc > machine.glibc:
        needed, here = (".".join(map(str, version)) for version in (library.glibc, machine.glibc))
        text = f"{quoted_path(path)} needs glibc {needed}, and this system has {here}, which is too old"
        yield Problem(text, "use a newer system or image")
    lacking = sorted(symbol for symbol in symbols if symbol.encode() not in library.symbols)
    if lacking:
        yield Problem(
            f"{quoted_path(path)} lacks {len(lacking)} of the {len(symbols)} functions that the Python layer looks up, "
            f"such as {quoted(lacking[0])}: it belongs to another version"
        )


def _is_there(path: Path) -> bool:
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError):
        return True  # reading it says what is wrong
    return True
