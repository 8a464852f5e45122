"""Compile the stand-in for Agora's native library, with the system's C compiler.

Upstream's Python layer binds some 130 functions when it is imported, and fails if one is missing. `native` defines
those that matter to a call; a function that returns 0 is generated for each of the others, so that a new version of
the Python layer does not need a new version of this library.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from offhook.errors import ConfigError
from offhook.interfaces import Environment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: The folder of the C source.
NATIVE: Final = Path(__file__).parent / "native"
#: Libraries that upstream's Python layer loads before the main one. Nothing calls them.
_EMPTY: Final = ("aosl", "agora-fdkaac")
_BOUND: Final = re.compile(r"\bagora_lib\.([A-Za-z_]\w*)")
_DEFINED: Final = re.compile(r"^AGORA_API [^;{=]*?\b(\w+)\(", re.MULTILINE)
#: Functions without which a call sounds the same, by a part of their names. Upstream calls most of them by itself.
_HARMLESS: Final = (
    *("_parameter_", "_enable_extension", "_set_log_", "_audio_encoder_config", "_send_delay_ms", "_extra_send_ms"),
    *("_destroy", "_unregister_", "_unpublish_", "_unsubscribe_"),
)
#: What the mock does not carry, by a part of the names of functions for it.
_NOT_CARRIED: Final[Mapping[str, str]] = {
    "video": "MISUSE_VIDEO",
    "intra_request": "MISUSE_VIDEO",
    "encoded": "MISUSE_ENCODED_AUDIO",
    "meta_data": "MISUSE_DATA_MESSAGE",
    "control_packet": "MISUSE_DATA_MESSAGE",
}
_C11: Final = ("-std=c11", "-D_GNU_SOURCE", "-D_DARWIN_C_SOURCE", "-Wall", "-Wextra")
_LIBRARY: Final = ("-shared", "-fPIC", "-fvisibility=hidden")
#: A compilation takes a few seconds; a compiler that takes longer hangs.
_LONGEST_S: Final = 120.0
#: How often it is looked whether to stop.
_LOOK_S: Final = 0.1


class AgoraBuildError(ConfigError):
    """The stand-in for Agora's native library cannot be built: no compiler, or the compiler failed."""

    code = "agora_build"


def bound(upstream: Path) -> set[str]:
    """Return the native functions that a Python layer binds.

    Args:
        upstream: the folder that holds ``rtc/agora_service.py``.

    Raises:
        AgoraBuildError: the folder is not a Python layer.
    """
    names: set[str] = set()
    for path in sorted((upstream / "rtc").rglob("*.py")):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            if not line.lstrip().startswith("#"):
                names.update(_BOUND.findall(line))
    if not names:
        raise AgoraBuildError(f"{upstream} is not Agora's Python layer: no file of its folder rtc binds the library")
    return names


def defined() -> set[str]:
    """Return the functions that `native` defines."""
    return {name for path in NATIVE.glob("*.c") for name in _DEFINED.findall(path.read_text(encoding="utf-8"))}


def build(
    upstream: Path,
    into: Path,
    *,
    cc: str | None = None,
    flags: Sequence[str] = (),
    stop: threading.Event | None = None,
) -> None:
    """Build the libraries that a Python layer loads.

    Args:
        upstream: the folder that holds ``rtc/agora_service.py``.
        into: the folder to build in, which is created. Existing libraries are replaced at the end.
        cc: the compiler, with arguments if need be; default: the variable ``CC``, else ``cc``.
        flags: further arguments for the compiler, such as ``-fsanitize=address``.
        stop: ends the compiler, and raises, once it is set.

    Raises:
        AgoraBuildError: the compiler is missing or failed, or `upstream` is not a Python layer.
    """
    names = bound(upstream)
    compiler = _Compiler(cc, stop)
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into, prefix=".build-", ignore_cleanup_errors=True) as folder:
        stubs, empty = Path(folder, "stubs.c"), Path(folder, "empty.c")
        stubs.write_text(_stubs(names - defined()), encoding="utf-8")
        empty.write_text("typedef int nothing;\n", encoding="utf-8")
        sources = [*sorted(NATIVE.glob("*.c")), stubs]
        compiler.link(["-O2", *flags], sources, into / library_name("agora_rtc_sdk"), ["-lpthread", "-lm"])
        for name in _EMPTY:
            compiler.link([], [empty], into / library_name(name), [])


def library_name(name: str) -> str:
    """Return the file name under which the Python layer of this system loads a library."""
    if sys.platform == "darwin":
        return "libAgoraRtcKit.dylib" if name == "agora_rtc_sdk" else f"lib{name}.dylib"
    return f"lib{name}.so"


def _stubs(names: Iterable[str]) -> str:
    lines = ['#include "misuse.h"']
    for name in sorted(names):
        kind = _misuse_of(name)
        body = f'return not_modelled({kind}, "{name}");' if kind else "return 0;"
        lines.append(f"AGORA_API long {name}(void);\nAGORA_API long {name}(void) {{ {body} }}")
    return "\n".join([*lines, ""])


def _misuse_of(name: str) -> str:
    """What a program does wrong that calls a function that has no effect; empty if it loses nothing."""
    if any(part in name for part in _HARMLESS):
        return ""
    return next((kind for part, kind in _NOT_CARRIED.items() if part in name), "MISUSE_NOT_MODELLED")


class _Compiler:
    """The C compiler.

    Args:
        cc: its command; default: the variable ``CC``, else ``cc``.
        stop: ends what it does, once it is set.

    Raises:
        AgoraBuildError: it is missing.
    """

    def __init__(self, cc: str | None, stop: threading.Event | None) -> None:
        text = cc or Environment.of_process().get("CC") or "cc"
        try:
            self._command = shlex.split(text)
        except ValueError:
            raise AgoraBuildError(f"the variable CC must be a command as in a shell, got {text!r}") from None
        if not self._command or shutil.which(self._command[0]) is None:
            what = self._command[0] if self._command else "cc"
            raise AgoraBuildError(
                f"there is no C compiler {what!r}: install one (Debian: apt install gcc; macOS: xcode-select "
                "--install), or name yours in the variable CC"
            )
        self._stop = stop or threading.Event()

    def link(self, flags: Sequence[str], sources: list[Path], to: Path, libraries: Sequence[str]) -> None:
        """Compile and link a library, which takes its place when it is complete."""
        unfinished = to.with_name(f".{to.name}.{os.getpid()}")
        arguments = [*_C11, *_LIBRARY, *flags, f"-I{NATIVE}", "-o", str(unfinished), *map(str, sources), *libraries]
        name = self._command[0]
        try:
            code, said = self._run(arguments)
            if code:
                raise AgoraBuildError(f"the C compiler {name!r} failed: {_first_error(said)}")
            unfinished.replace(to)
        except OSError as error:
            raise AgoraBuildError(f"the library {to} cannot be built: {error}") from None
        finally:
            unfinished.unlink(missing_ok=True)

    def _run(self, arguments: Sequence[str]) -> tuple[int, str]:
        """Run it to its end; returns the exit code and what it printed. No process of it is left."""
        process = subprocess.Popen(
            [*self._command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,  # so that all its processes can be ended
        )
        with process:
            try:
                for _ in range(round(_LONGEST_S / _LOOK_S)):
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        _, said = process.communicate(timeout=_LOOK_S)
                        return process.returncode, said
                    if self._stop.is_set():
                        raise AgoraBuildError("the compilation was stopped")
                raise AgoraBuildError(f"the C compiler {self._command[0]!r} did not finish within {_LONGEST_S:g} s")
            finally:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)


def _first_error(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return next(iter([*errors, *lines]), "it printed nothing")[:500]
