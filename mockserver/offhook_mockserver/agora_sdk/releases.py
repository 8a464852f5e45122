"""The releases of Agora's Python layer that are known here, by the hash of their source archive."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from offhook.errors import ConfigError
from offhook.wording import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The project, as package indexes and source archives name it.
PROJECT: Final = "agora-python-server-sdk"
DEFAULT: Final = "2.4.10"
KNOWN: Final[Mapping[str, str]] = {
    "2.4.10": "f02cae825be2986435ef5b9a0ab3de30eaa9bf692a9be37a3f5f90fe338788cd",
    "2.4.9": "3f9453ce4730c1b9db86e56ea9b96713ffc576060b357d9bf0de8f65b473031e",
    "2.3.4": "2dd2078e44807aefa3770d5f9662d72b08cd6c4931ca9b2f06a51d5a3abbd18d",
}
_VERSION: Final = re.compile(r"\d{1,4}(?:\.\d{1,6}){1,3}", re.ASCII)
_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Release:
    """A release of the Python layer.

    Attributes:
        version: its version; empty for an archive of the user's own that no release here is equal to.
        sha256: the hash that its source archive must have.
    """

    version: str
    sha256: str


def release(version: str, sha256: str = "") -> Release:
    """Return a release by its version.

    Args:
        version: the version; one that is not known here needs `sha256`.
        sha256: the hash of the source archive, in hexadecimal digits.

    Raises:
        ConfigError: the version or the hash is not valid, the hash is missing, or it is not that of the known release.
    """
    if not _VERSION.fullmatch(version):
        raise ConfigError(f"--sdk needs a version such as {DEFAULT}, got {quoted(version)}")
    sha256 = checked_hash(sha256)
    known = KNOWN.get(version, "")
    if sha256 and known not in ("", sha256):
        raise ConfigError(
            f"--sha256 is not the hash of the source archive of {PROJECT} {version}, which begins with {known[:12]}: "
            "leave --sha256 out"
        )
    if not (known or sha256):
        raise ConfigError(
            f"the hash of {PROJECT} {version} is not known here (known: {', '.join(KNOWN)}): add --sha256 with the "
            "hash of its source archive"
        )
    return Release(version, sha256 or known)


def release_of_archive(found: str, sha256: str = "") -> Release:
    """Return the release of an archive of the user's own, by its hash.

    Args:
        found: the hash that the archive has.
        sha256: the hash that the user expects; empty: that of a known release.

    Raises:
        ConfigError: the hash is another one, or that of no known release.
    """
    sha256 = checked_hash(sha256)
    version = next((version for version, known in KNOWN.items() if known == found), "")
    if sha256 and sha256 != found:
        raise ConfigError(f"the archive of --sdist has the SHA-256 {found}, and --sha256 is another: check the file")
    if not (sha256 or version):
        raise ConfigError(
            f"the archive of --sdist has the SHA-256 {found}, which is not that of a known release "
            f"({', '.join(KNOWN)}): if you trust the file, add --sha256 {found}"
        )
    return Release(version, found)


def checked_hash(sha256: str) -> str:
    """Return a hash in lower case; empty stays empty.

    Raises:
        ConfigError: it is not a SHA-256 in hexadecimal digits.
    """
    text = sha256.strip().lower().removeprefix("sha256:")
    if text and not _SHA256.fullmatch(text):
        raise ConfigError(f"--sha256 needs 64 hexadecimal digits, got {quoted(sha256)}")
    return text
