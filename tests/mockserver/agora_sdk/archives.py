"""Source archives for tests, made as upstream's are laid out, and worse."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT: Final = "agora_python_server_sdk-2.4.10"
WHOLE: Final[Mapping[str, bytes]] = {
    "agora/__init__.py": b"raise SystemExit('it would download')\n",
    "agora/rtc/__init__.py": b"",
    "agora/rtc/agora_service.py": b"agora_lib.agora_service_create\n",
    "setup.py": b"raise SystemExit('it was run')\n",
    "PKG-INFO": b"Metadata-Version: 2.1\nName: agora_python_server_sdk\nVersion: 2.4.10\n",
}


def archive(files: Mapping[str, bytes] = WHOLE, *members: tarfile.TarInfo, root: str = f"{ROOT}/") -> bytes:
    """A source archive with `files` below `root`, and other members with the names that they have."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{root}{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for member in members:
            tar.addfile(member, io.BytesIO(b"x" * member.size))
    return raw.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, *, size: int = 1, link: str = "") -> tarfile.TarInfo:
    """A member of an archive, of any kind."""
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.size = kind, link, size if kind == tarfile.REGTYPE else 0
    return made
