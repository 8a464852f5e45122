"""What a child process wrote on standard error, without what a busy machine adds to it."""

from __future__ import annotations

import re
from typing import Final

#: asyncio's own complaint in debug mode, and our watchdog's: both only say that the machine was slow.
_SLOW: Final = re.compile(
    r"^(Executing <.*> took \d+\.\d+ seconds|(offhook: )?the event loop was blocked for .*)\n?", re.MULTILINE
)


def without_slowness(text: str) -> str:
    """`text` without lines that complain of a slow event loop."""
    return _SLOW.sub("", text)
