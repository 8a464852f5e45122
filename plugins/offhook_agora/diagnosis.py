"""What is wrong with Agora's SDK here, and what to type: for ``offhook agora check`` and ``offhook doctor``.

It only looks. Nothing of the SDK is imported or loaded, whatever is in its place.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Final

from offhook.errors import OffhookError
from offhook.interfaces import Environment, Finding, Level
from offhook.wording import printable, quoted_path
from offhook_agora.fetch.download import waiting
from offhook_agora.fetch.target import resolved, work_folder
from offhook_agora.layout import (
    LIBRARIES,
    SDK_VARIABLE,
    SdkLayout,
    beside_problem,
    chosen_folder,
    default_folder,
    find_package,
    is_file,
    joins_mock,
    named_folder,
    packages_called_agora,
    place_sdk,
    remedy,
    shell_path,
    without_package,
)
from offhook_agora.libraries import machine_problem, problems
from offhook_agora.settings import Settings
from offhook_agora.upstream import bound_symbols, is_upstream, native_address, version_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from offhook_agora.machine import Machine
    from offhook_agora.marker import Kind

_TRANSPORT_VARIABLE: Final = "OFFHOOK_TRANSPORT"
_BASE_URL_VARIABLE: Final = "SENDBLUE_API_BASE_URL"
_PATH_VARIABLE: Final = "LD_LIBRARY_PATH"
_LAYER, _LIBRARY, _SETTINGS = "agora layer", "agora library", "agora settings"
_INSTALLER: Final = (
    "its installer downloads native code over TLS that is not verified; to do without it, type: offhook docs "
    "agora-sdk-install",
)
_MB: Final = 1_000_000


def findings(
    environment: Environment,
    machine: Machine,
    *,
    wanted: bool,
    prove: Callable[[SdkLayout], Finding] | None = None,
) -> Iterator[Finding]:
    """Yield what is right and wrong with the SDK.

    Args:
        environment: the settings.
        machine: this machine.
        wanted: whether the SDK is wanted in any case. Otherwise it is not wrong that none of it is here and no setting
            asks for it.
        prove: imports the SDK in another process, and returns how that went; it is called if nothing else is wrong.
    """
    settings = tuple(_setting_findings(environment))
    yield from settings
    if not wanted and not _is_wanted(environment):
        text = f"not installed, and only needed for calls over Agora itself: {without_package().message}"
        yield Finding(Level.NOTE, _LAYER, text)
        return
    wrong = bool(settings)
    for finding in _static_findings(environment, machine):
        wrong = wrong or finding.level is Level.WRONG
        yield finding
    if not wrong and prove is not None:
        yield prove(place_sdk(environment, machine))


def _is_wanted(environment: Environment) -> bool:
    """Whether a setting asks for the SDK, or a part of it is here."""
    if environment.as_written(_TRANSPORT_VARIABLE) == "agora" or environment.as_written(SDK_VARIABLE):
        return True
    try:
        return find_package(None) is not None or default_folder(environment).exists()
    except (OffhookError, OSError):
        return False


def _setting_findings(environment: Environment) -> Iterator[Finding]:
    """Which settings of the transport are not valid."""
    try:
        Settings.of(environment)
    except OffhookError as error:
        yield Finding(Level.WRONG, _SETTINGS, error.message)


def _static_findings(environment: Environment, machine: Machine) -> Iterator[Finding]:
    try:
        folder, marker = chosen_folder(environment)
    except OffhookError as error:
        yield Finding(Level.WRONG, _SETTINGS, error.message)
        yield from _interrupted(environment)
        return
    package = find_package(folder)
    kind = marker.kind if marker else "agora"
    if kind == "agora" and (problem := machine_problem(machine)):
        yield Finding(Level.WRONG, _LIBRARY, problem)
        return
    if package is None:
        yield Finding(
            Level.WRONG, _LAYER, without_package(folder, marker).message, _INSTALLER if kind == "agora" else ()
        )
    else:
        inside = marker is not None and folder in package.parents
        yield from _layer_findings(package, (marker.sdk if marker and inside else "") or version_of(package))
    if folder and marker:
        layout = SdkLayout(package or Path(), folder / LIBRARIES, marker.sdk, marker.kind)
        yield from _library_findings(layout, package, machine)
        if package and marker.address:
            yield from _version_findings(package, marker.address, machine)
    elif package is None:
        yield Finding(Level.WRONG, _LIBRARY, "no native library is here either; type: offhook agora fetch")
    elif problem := beside_problem(package, machine):
        yield Finding(Level.WRONG, _LIBRARY, f"there is no native library: {problem}; type: offhook agora fetch")
    else:
        yield from _library_findings(SdkLayout(package, package / LIBRARIES, "", "agora"), package, machine)
    yield from _interrupted(environment)
    yield from _kind_findings(kind, environment)


def _layer_findings(package: Path, version: str) -> Iterator[Finding]:
    of = f"version {version}" if version else "a version that is not known"
    yield Finding(Level.FINE, _LAYER, f"{of} in {quoted_path(package)}")
    first = next(packages_called_agora(), package)
    if first != package and not is_upstream(first) and package.parent.name != "upstream":
        text = f"{quoted_path(first)} is another package called agora: programs that import agora get that one"
        yield Finding(Level.NOTE, _LAYER, text)


def _library_findings(layout: SdkLayout, package: Path | None, machine: Machine) -> Iterator[Finding]:
    symbols = bound_symbols(package) if package else frozenset[str]()
    wrong = False
    for problem in problems(layout.libraries, machine, symbols):
        wrong = True
        yield Finding(Level.WRONG, _LIBRARY, f"{problem.text}; {problem.cure or remedy(layout)}")
    if wrong:
        return
    whose = "the mock's" if layout.kind == "mock" else "Agora's"
    yield Finding(Level.FINE, _LIBRARY, f"{whose}, in {quoted_path(layout.libraries)}", _path_lines(layout, machine))


def _path_lines(layout: SdkLayout, machine: Machine) -> tuple[str, ...]:
    """What `LD_LIBRARY_PATH` must be for other programs. offhook sets it for the process in which the SDK runs."""
    if machine.system != "linux":
        return ()
    folders = [Path(name) for name in Environment.of_process().as_written(_PATH_VARIABLE).split(os.pathsep) if name]
    if layout.libraries in folders:
        return ()
    others = [folder for folder in folders if is_file(folder / machine.main_library)]
    found = f", which now names another library in {quoted_path(others[0])}" if others else ""
    return (
        f"a program that imports the SDK itself needs {_PATH_VARIABLE}={shell_path(layout.libraries)}{found}; offhook "
        "sets it for its own process of the SDK",
    )


def _version_findings(package: Path, address: str, machine: Machine) -> Iterator[Finding]:
    """Whether the library is the one that the Python layer would download."""
    own = native_address(package, machine)
    if own and own != address:
        yield Finding(
            Level.NOTE,
            _LIBRARY,
            f"it is from {printable(address)}, and the Python layer {version_of(package) or 'that is installed'} was "
            "made for another; for that one, type: offhook agora fetch --trust-first --url "
            f"{shlex.quote(printable(own))}",
        )


def _interrupted(environment: Environment) -> Iterator[Finding]:
    """Whether a part of a download lies beside a folder."""
    try:
        folders = (named_folder(environment), default_folder(environment))
        for folder in filter(None, folders):
            if (part := waiting(work_folder(resolved(folder)))) is not None:
                of = f" of {part[1] / _MB:.1f}" if part[1] else ""
                text = f"a fetch was cut off after {part[0] / _MB:.1f}{of} MB; to go on, type the same command again"
                yield Finding(Level.NOTE, _LIBRARY, text, (f"the part is in {quoted_path(work_folder(folder))}",))
    except (OffhookError, OSError):
        pass  # reported by the checks of the settings


def _kind_findings(kind: Kind, environment: Environment) -> Iterator[Finding]:
    """Whether the library is the one for where the calls go."""
    to_mock = joins_mock(environment)
    if kind == "mock" and not to_mock:
        text = (
            f"{SDK_VARIABLE} names the mock's SDK, which joins only channels of a mock on this machine, and "
            f"{_BASE_URL_VARIABLE} names no mock; for calls through Sendblue, unset {SDK_VARIABLE}, and for calls to a "
            f"mock, set {_BASE_URL_VARIABLE} to its address"
        )
        yield Finding(Level.WRONG, _SETTINGS, text)
    if kind == "agora" and to_mock and environment.as_written(_TRANSPORT_VARIABLE) == "agora":
        text = (
            f"{_BASE_URL_VARIABLE} names a mock, whose channels Agora's own library cannot join; type: offhook mock "
            f"agora-sdk --into DIR, and set {SDK_VARIABLE} to that folder, or unset {_TRANSPORT_VARIABLE}"
        )
        yield Finding(Level.WRONG, _SETTINGS, text)
