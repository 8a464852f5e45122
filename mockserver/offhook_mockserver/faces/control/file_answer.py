"""Files and large answers, sent in parts, so that a slow client holds up no other. Only regular files, and no links."""

from __future__ import annotations

import asyncio
import os
import stat
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.types import Receive, Scope, Send

#: What is sent at once; after each part, others have their turns and the client is waited for.
_PART_BYTES: Final = 64 * 1024


class PartsAnswer(Response):
    """An answer that is sent in parts.

    Args:
        size: how long it is.
        media_type: what it is.
    """

    def __init__(self, size: int, media_type: str) -> None:
        super().__init__(media_type=media_type)
        self.size = size
        self.headers["content-length"] = str(size)

    def part(self, at: int, most: int) -> bytes:
        """Up to `most` bytes from a place on; empty if there are none."""
        raise NotImplementedError

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        at = 0
        while at < self.size and (part := self.part(at, min(_PART_BYTES, self.size - at))):
            at += len(part)
            await send({"type": "http.response.body", "body": part, "more_body": True})
            await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class BytesAnswer(PartsAnswer):
    """What is in memory.

    Args:
        content: the bytes.
        media_type: what they are.
    """

    def __init__(self, content: bytes, media_type: str) -> None:
        super().__init__(len(content), media_type)
        self._content = content

    def part(self, at: int, most: int) -> bytes:
        return self._content[at : at + most]


class FileAnswer(PartsAnswer):
    """What a file holds now; a recording may grow.

    Args:
        file: the file.
        media_type: what it is.

    Raises:
        OSError: it is not a regular file, or cannot be opened.
    """

    def __init__(self, file: Path, media_type: str) -> None:
        # Non-blocking, because opening a FIFO waits for its other end.
        self._descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        try:
            status = os.fstat(self._descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise OSError("it is not a regular file")
        except OSError:
            os.close(self._descriptor)
            raise
        super().__init__(status.st_size, media_type)

    def part(self, at: int, most: int) -> bytes:
        return os.pread(self._descriptor, most, at)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            os.close(self._descriptor)
