"""The machine that a library must fit: its system, its processor and its C library."""

from __future__ import annotations

import os
import platform
import re
import sys
from dataclasses import dataclass
from typing import Final

_VERSION: Final = re.compile(r"glibc (\d+)\.(\d+)", re.ASCII)
#: Other names that systems have for the two processors that Agora builds for.
_PROCESSORS: Final = (("amd64", "x86_64"), ("x64", "x86_64"), ("arm64", "aarch64"))


@dataclass(frozen=True, slots=True)
class Machine:
    """What decides which native library fits.

    Attributes:
        system: ``linux``, ``darwin`` or another value of `sys.platform`.
        processor: ``x86_64``, ``aarch64`` or another name of the processor.
        glibc: the version of the GNU C library; None if there is another C library, as on Alpine, or on macOS.
    """

    system: str
    processor: str
    glibc: tuple[int, int] | None

    @classmethod
    def here(cls) -> Machine:
        """The machine that this process runs on."""
        system, processor = sys.platform, platform.machine()
        known = dict(_PROCESSORS)
        return cls(system, known.get(processor.lower(), processor), _glibc() if system == "linux" else None)

    @property
    def main_library(self) -> str:
        """The file name of the library that upstream's Python layer binds."""
        return "libAgoraRtcKit.dylib" if self.system == "darwin" else "libagora_rtc_sdk.so"

    @property
    def needed_libraries(self) -> tuple[str, ...]:
        """The file names of the libraries without which upstream's Python layer cannot be imported."""
        if self.system == "darwin":
            return (self.main_library, "libAgoraAiNoiseSuppressionExtension.dylib")
        return (self.main_library, "libaosl.so")

    @property
    def name(self) -> str:
        """How messages name it."""
        return f"{ {'linux': 'Linux', 'darwin': 'macOS'}.get(self.system, self.system) } on {self.processor}"


def _glibc() -> tuple[int, int] | None:
    try:
        found = _VERSION.fullmatch(os.confstr("CS_GNU_LIBC_VERSION") or "")
    except (OSError, ValueError):  # musl does not know the name
        return None
    return (int(found[1]), int(found[2])) if found else None
