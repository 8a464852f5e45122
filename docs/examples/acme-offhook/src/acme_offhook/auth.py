"""The auth ``acme``: a key pair from a JSON file that may be replaced while the program runs."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from offhook.errors import ConfigError
from offhook.interfaces import Auth
from offhook.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook.interfaces import Environment

_MOST_BYTES: Final = 4096
#: What a header may contain.
_KEY: Final = re.compile(r"[!-~]{1,1024}")


class AcmeAuth(Auth):
    """Reads the file again for each request. The file holds ``{"key_id": "...", "secret_key": "..."}``."""

    def __init__(self, environment: Environment) -> None:
        self._file = environment.get("ACME_KEYS_FILE", "")
        self._host = urlsplit(environment.get("ACME_API_URL", "")).hostname
        # Kept, because offhook redacts a secret only as long as its `Secret` exists.
        self._headers: Mapping[str, Secret] = {}

    async def headers(self, host: str) -> Mapping[str, Secret]:
        if not self._file:
            raise ConfigError("there are no keys for Acme: set ACME_KEYS_FILE to the file that holds them")
        if host != self._host:
            raise ConfigError(f"the keys of ACME_KEYS_FILE are for the host of ACME_API_URL and not for {host!r}")
        pair = await asyncio.to_thread(_read, Path(self._file))
        if pair is None:
            # The message must not repeat the file's content, which may hold part of a key.
            raise ConfigError(
                f"there are no keys for Acme in {self._file}, which ACME_KEYS_FILE names: it must be a file with "
                '{"key_id": "...", "secret_key": "..."}'
            )
        self._headers = {"sb-api-key-id": Secret(pair[0]), "sb-api-secret-key": Secret(pair[1])}
        return self._headers


def _read(file: Path) -> tuple[str, str] | None:
    try:
        with file.open("rb") as opened:
            document: object = json.loads(opened.read(_MOST_BYTES))
    except (OSError, ValueError):
        return None
    match document:
        case {"key_id": str(key), "secret_key": str(secret)} if _KEY.fullmatch(key) and _KEY.fullmatch(secret):
            return key, secret
        case _:
            return None
