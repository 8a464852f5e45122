"""The hashes of archives that the user has named or trusted, kept in offhook's folder from one fetch to the next."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Final, cast

from offhook.errors import ConfigError, StorageError
from offhook.records import make_private, open_private
from offhook.wording import quoted, quoted_path, system_reason
from offhook_agora.fetch.folder_lock import locked

if TYPE_CHECKING:
    from pathlib import Path

_NAME: Final = "agora-hashes.json"
_FORMAT: Final = 1
_LARGEST: Final = 1024 * 1024
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


def checked_hash(text: str) -> str:
    """Return a SHA-256 hash in lower case.

    Raises:
        ConfigError: it is not one.
    """
    lower = text.strip().lower().removeprefix("sha256:")
    if not _SHA256.fullmatch(lower):
        raise ConfigError(f"--sha256 needs the 64 hexadecimal digits of a SHA-256 hash, got {quoted(text)}")
    return lower


class KnownHashes:
    """The hashes that are written down: one for each address, and those of files.

    Args:
        folder: offhook's folder for data.

    Attributes:
        folder: the same.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / _NAME

    def of_address(self, address: str) -> str:
        """Return the hash that an address is held to; empty if none is written down.

        Raises:
            ConfigError: what is written down cannot be read.
        """
        return self._read().get(address, "")

    def is_known(self, sha256: str) -> bool:
        """Whether a hash is written down for any address or file.

        Raises:
            ConfigError: what is written down cannot be read.
        """
        return sha256 in self._read().values()

    def remember(self, address: str, sha256: str) -> None:
        """Hold an address to a hash from now on.

        Args:
            address: the address; for a file, any text that names it.
            sha256: the hash.

        Raises:
            ConfigError: what is written down cannot be read.
            StorageError: it cannot be written.
        """
        make_private(self._path.parent)
        with locked(self._path.with_suffix(".lock"), ""):
            known = {**self._read(), address: sha256}
            waiting = self._path.with_suffix(f".{os.getpid()}")
            try:
                with os.fdopen(open_private(waiting, os.O_WRONLY | os.O_TRUNC), "wb") as file:
                    file.write(json.dumps({"format": _FORMAT, "sha256": known}, indent=1).encode("ascii") + b"\n")
                    file.flush()
                    os.fsync(file.fileno())
                waiting.replace(self._path)
            except OSError as error:
                raise StorageError(f"{quoted_path(self._path)} cannot be written: {system_reason(error)}") from None

    def _read(self) -> dict[str, str]:
        """All that is written down. A file that cannot be read is an error: no hash would be held to any more."""
        document: object = None
        try:
            with self._path.open("rb") as file:
                raw = file.read(_LARGEST + 1)
            document = json.loads(raw) if len(raw) <= _LARGEST else None
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError):
            pass
        entries = cast("dict[str, object]", document).get("sha256") if isinstance(document, dict) else None
        hashes = cast("dict[str, object]", entries) if isinstance(entries, dict) else {"": None}
        if not all(isinstance(sha256, str) and _SHA256.fullmatch(sha256) for sha256 in hashes.values()):
            raise ConfigError(
                f"{quoted_path(self._path)}, which holds the hashes of earlier fetches, cannot be read or is damaged: "
                "restore it, or remove it to name or trust each hash again"
            )
        return cast("dict[str, str]", hashes)
