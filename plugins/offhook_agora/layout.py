"""Finds Agora's SDK on disk: upstream's Python layer and the native libraries, which may be in two places.

Nothing here imports the SDK, loads a library or reaches the network.
"""

from __future__ import annotations

import importlib.util
import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from offhook.errors import ConfigError, MissingExtraError, TransportNotSetUp
from offhook.interfaces import is_loopback
from offhook.paths import expanded
from offhook.records import home
from offhook.wording import printable, quoted_path
from offhook_agora.libraries import machine_problem, problems
from offhook_agora.machine import Machine
from offhook_agora.marker import MARKER, Kind, Marker, read_marker
from offhook_agora.upstream import installer_of, is_upstream, native_address, records_address, version_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from offhook.interfaces import Environment

#: The setting that names an SDK folder.
SDK_VARIABLE: Final = "OFFHOOK_AGORA_SDK"
#: What to install for upstream's Python layer: the version whose native library `offhook agora fetch` fetches.
REQUIREMENT: Final = "agora-python-server-sdk==2.4.10"
LIBRARIES: Final = "agora_sdk"
#: Below an SDK folder: a folder with upstream's Python layer, where that is not installed.
UPSTREAM: Final = "upstream"
#: Which library upstream's own installer has unpacked: the address, on one line.
VERSION_FILE: Final = "version.txt"
_BASE_URL_VARIABLE: Final = "SENDBLUE_API_BASE_URL"
_RELAY_URL_VARIABLE: Final = "OFFHOOK_RELAY_URL"
_WHAT: Final = "the transport agora"


@dataclass(frozen=True, slots=True)
class SdkLayout:
    """Where the two halves of the SDK are.

    Attributes:
        package: the folder of upstream's Python layer, which holds ``rtc/agora_service.py``.
        libraries: the folder of the native libraries.
        version: the version of the Python layer; empty if it is not known.
        kind: whose native libraries they are: Agora's, or the mock's.
    """

    package: Path
    libraries: Path
    version: str
    kind: Kind


def find_sdk(environment: Environment) -> SdkLayout:
    """Return where the SDK is. It imports nothing of it and does not touch the network.

    The libraries are those of the folder that `OFFHOOK_AGORA_SDK` names; else of the folder of `offhook agora fetch`;
    else those that upstream's installer has put beside its package, if they belong to that version of it.

    Args:
        environment: the settings.

    Raises:
        TransportNotSetUp: the libraries are missing, incomplete, or of another version than the Python layer; or the
            only package called ``agora`` is another one.
        MissingExtraError: the Python layer is not installed.
        ConfigError: a setting names no usable path.
    """
    machine = Machine.here()
    layout = place_sdk(environment, machine)
    problem = machine_problem(machine) if layout.kind == "agora" else ""
    if problem:
        raise TransportNotSetUp(f"{_WHAT} cannot work here: {problem}")
    wrong = next(problems(layout.libraries, machine), None)
    if wrong:
        cure = wrong.cure or remedy(layout)
        raise TransportNotSetUp(f"{_WHAT} cannot use its native library: {wrong.text}; {cure}")
    return layout


def place_sdk(environment: Environment, machine: Machine) -> SdkLayout:
    """Return where the SDK is, as `find_sdk` does, without reading the libraries.

    Args:
        environment: the settings.
        machine: the machine that the libraries are for.

    Raises:
        TransportNotSetUp, MissingExtraError, ConfigError: as `find_sdk`.
    """
    folder, marker = chosen_folder(environment)
    package = find_package(folder)
    if package is None:
        raise without_package(folder, marker, to_mock=joins_mock(environment))
    if folder is None or marker is None:
        problem = beside_problem(package, machine)
        if problem:
            raise TransportNotSetUp(f"{_WHAT} has no native library: {problem}; type: offhook agora fetch")
        return SdkLayout(package, package / LIBRARIES, version_of(package), "agora")
    version = (marker.sdk if folder in package.parents else "") or version_of(package)
    return SdkLayout(package, folder / LIBRARIES, version, marker.kind)


def default_folder(environment: Environment) -> Path:
    """Return the folder of `offhook agora fetch`, whether it exists or not.

    Raises:
        ConfigError: no folder for data is known.
    """
    return (home(environment) / "agora").absolute()


def named_folder(environment: Environment) -> Path | None:
    """Return the folder that `OFFHOOK_AGORA_SDK` names; None if it is not set.

    Raises:
        ConfigError: its value is not a path.
    """
    named = environment.get(SDK_VARIABLE)
    return expanded(named).absolute() if named else None


def find_package(folder: Path | None) -> Path | None:
    """Return the folder of upstream's Python layer: the one in an SDK folder, else the installed one; None without one.

    Args:
        folder: an SDK folder, if one was chosen.
    """
    own = None if folder is None else folder / UPSTREAM / "agora"
    candidates = [*([own] if own else []), *packages_called_agora()]
    return next((package for package in candidates if is_upstream(package)), None)


def packages_called_agora() -> Iterator[Path]:
    """Yield the folders of all packages that are called ``agora``, in the order in which Python finds them.

    ``find_spec`` of a top-level name imports nothing. Of a name below it, such as ``agora.rtc``, it would run
    ``agora/__init__.py``, which downloads.
    """
    seen = set[Path]()
    try:
        spec = importlib.util.find_spec("agora")
        found = list(spec.submodule_search_locations or ()) if spec else []
    except Exception:  # a finder of another package, or a module without a spec in `sys.modules`
        found = []
    entries = map(os.fsdecode, sys.path)  # programs add bytes and paths to it, although Python ignores these
    for place in [*(Path(place) for place in found), *(Path(entry or ".") / "agora" for entry in entries)]:
        try:
            path = place.absolute()
        except OSError:  # the current folder was removed
            continue
        if path not in seen and _is_folder(path):
            seen.add(path)
            yield path


def beside_problem(package: Path, machine: Machine) -> str:
    """Return why the libraries that upstream's installer puts beside its package cannot be used; empty if they can."""
    libraries = package / LIBRARIES
    if not is_file(libraries / machine.main_library):
        installer = installer_of(package)
        lost = {"uv": "uv throws it away when it installs", "pip": "a wheel holds none"}.get(installer, "")
        return f"{quoted_path(package)} was installed without it{f' ({lost})' if lost else ''}"
    if records_address(package):
        wanted, unpacked = native_address(package, machine), _first_line(package / VERSION_FILE)
        if wanted and unpacked != wanted:
            return (
                f"the one in {quoted_path(libraries)} belongs to another version of the Python layer, which would "
                "delete it when it is imported"
            )
    return ""


def remedy(layout: SdkLayout) -> str:
    """Return the command that makes the folder of the libraries anew, as the end of a sentence."""
    folder = layout.libraries.parent
    return "type: offhook agora fetch" if folder == layout.package else _command(folder, layout.kind)


def _command(folder: Path, kind: Kind) -> str:
    return f"type: offhook {'mock agora-sdk' if kind == 'mock' else 'agora fetch'} --into {shell_path(folder)}"


def shell_path(path: Path) -> str:
    """Return a path as a shell reads it, with unprintable characters escaped."""
    return shlex.quote(printable(str(path)))


def chosen_folder(environment: Environment) -> tuple[Path | None, Marker | None]:
    """Return the SDK folder to use, and what it holds.

    The latter is None if the folder is not there, or not complete, so that only a package may have libraries; both are
    None if the folder has no place either.

    Raises:
        TransportNotSetUp: `OFFHOOK_AGORA_SDK` names a folder that is not a complete SDK folder, or cannot be read.
        ConfigError: its value is not a path.
    """
    named = named_folder(environment)
    if named is not None:
        marker = read_marker(named)
        if marker is None:
            kind: Kind = "mock" if joins_mock(environment) else "agora"
            raise TransportNotSetUp(f"{_WHAT} cannot use {SDK_VARIABLE}: {_incomplete(named, kind)}")
        return named, marker
    try:
        folder = default_folder(environment)
    except ConfigError:  # no home: the package may still be complete
        return None, None
    return folder, read_marker(folder)


def _incomplete(folder: Path, kind: Kind) -> str:
    inside = folder.parent
    if folder.name == LIBRARIES and is_file(inside / MARKER):
        return f"{quoted_path(folder)} is inside an SDK folder; set it to {quoted_path(inside)}"
    if not _is_folder(folder):
        return f"{quoted_path(folder)} is not a folder; {_command(folder, kind)}"
    return (
        f"{quoted_path(folder)} has no {MARKER}, so it is not an SDK folder or was not completed; "
        f"{_command(folder, kind)}"
    )


def joins_mock(environment: Environment) -> bool:
    """Whether the settings send calls to a mock on this machine."""
    return is_loopback(environment.as_written(_RELAY_URL_VARIABLE) or environment.as_written(_BASE_URL_VARIABLE))


def without_package(
    folder: Path | None = None, marker: Marker | None = None, *, to_mock: bool = False
) -> TransportNotSetUp | MissingExtraError:
    """Return the error that says that the Python layer is missing.

    Args:
        folder: the SDK folder, if one was chosen.
        marker: what it holds.
        to_mock: whether the SDK is wanted for calls to a mock, for which Agora's own is of no use.
    """
    if folder is not None and marker is not None and marker.kind == "mock":
        return TransportNotSetUp(
            f"{_WHAT} finds no Python layer of Agora's SDK, neither installed nor in {quoted_path(folder)}, which was "
            f"made where one was installed; {_command(folder, 'mock')}"
        )
    if to_mock:
        return TransportNotSetUp(
            f"{_WHAT} needs the mock's SDK to join a mock, and it is not installed; type: offhook mock agora-sdk "
            f"--into DIR, and set {SDK_VARIABLE} to DIR; or use the transport aiortc"
        )
    # Without its own file, a package is what an uninstalled one has left: its installer lists no library.
    other = next((package for package in packages_called_agora() if is_file(package / "__init__.py")), None)
    if other is None or is_file(other.parent / MARKER):
        return MissingExtraError(REQUIREMENT, _WHAT, ("agora",))
    return TransportNotSetUp(
        f"{_WHAT} cannot use the package {quoted_path(other)}, which is called agora but is not Agora's; type: "
        f'pip install "{REQUIREMENT}" in an environment without it'
    )


def _first_line(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.readline(4096)
    except (OSError, ValueError):
        return ""


def is_file(path: Path) -> bool:
    """Whether a path is a file; False if that cannot be found out."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False
