"""Compile the stand-in for Agora's native library, with the system's C compiler.

Upstream's Python layer binds some 130 functions when it is imported, and fails if one is missing. `native` defines
those that matter to a call; a function that returns 0 is generated for each of the others, so that a new version of
the Python layer does not need a new version of this library.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from offhook.errors import ConfigError
from offhook.interfaces import Environment

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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
_NOT_CARRIED: Final = {
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


def build(upstream: Path, into: Path, *, cc: str | None = None, flags: Sequence[str] = ()) -> None:
    """Build the libraries that a Python layer loads.

    Args:
        upstream: the folder that holds ``rtc/agora_service.py``.
        into: the folder to build in, which is created. Existing libraries are replaced at the end.
        cc: the compiler, with arguments if need be; default: the variable ``CC``, else ``cc``.
        flags: further arguments for the compiler, such as ``-fsanitize=address``.

    Raises:
        AgoraBuildError: the compiler is missing or failed, or `upstream` is not a Python layer.
    """
    names = bound(upstream)
    compiler = _compiler(cc)
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into, prefix=".build-", ignore_cleanup_errors=True) as folder:
        stubs, empty = Path(folder, "stubs.c"), Path(folder, "empty.c")
        stubs.write_text(_stubs(names - defined()), encoding="utf-8")
        empty.write_text("typedef int nothing;\n", encoding="utf-8")
        sources = [*sorted(NATIVE.glob("*.c")), stubs]
        _link(compiler, ["-O2", *flags], sources, into / library_name("agora_rtc_sdk"), ["-lpthread", "-lm"])
        for name in _EMPTY:
            _link(compiler, [], [empty], into / library_name(name), [])


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


def _compiler(cc: str | None) -> list[str]:
    command = shlex.split(cc or Environment.of_process().get("CC") or "cc")
    if not command or shutil.which(command[0]) is None:
        what = command[0] if command else "cc"
        raise AgoraBuildError(
            f"there is no C compiler {what!r}: install one (Debian: apt install gcc; macOS: xcode-select --install), "
            "or name yours in the variable CC"
        )
    return command


def _link(compiler: list[str], flags: Sequence[str], sources: list[Path], to: Path, libraries: list[str]) -> None:
    unfinished = to.with_name(f".{to.name}.{os.getpid()}")
    command = [*compiler, *_C11, *_LIBRARY, *flags, f"-I{NATIVE}", "-o", str(unfinished), *map(str, sources)]
    try:
        done = subprocess.run(
            [*command, *libraries], capture_output=True, text=True, errors="replace", timeout=_LONGEST_S, check=False
        )
        if done.returncode:
            raise AgoraBuildError(f"the C compiler {compiler[0]!r} failed: {_first_error(done.stderr)}")
        unfinished.replace(to)
    except subprocess.TimeoutExpired:
        raise AgoraBuildError(f"the C compiler {compiler[0]!r} did not finish within {_LONGEST_S:g} s") from None
    except OSError as error:
        raise AgoraBuildError(f"the library {to} cannot be built: {error}") from None
    finally:
        unfinished.unlink(missing_ok=True)


def _first_error(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return next(iter([*errors, *lines]), "it printed nothing")[:500]
