"""The SDK folder of the rows about Agora: upstream's Python layer over the mock's native library, made for one run."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.method import progress

from offhook.errors import OffhookError
from offhook_mockserver.agora_sdk.releases import DEFAULT, release
from offhook_mockserver.agora_sdk.sdist import obtain
from offhook_mockserver.agora_sdk.stage import stage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


@contextlib.asynccontextmanager
async def staged(rows: str) -> AsyncGenerator[dict[str, str] | None]:
    """Yield the settings of workers that use it; None where it cannot be had, and then say so in a line.

    Args:
        rows: which rows are left out in that case.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "sdk")
        problem = "" if sys.platform == "linux" else "the mock's library of Agora's SDK is for Linux"
        if not problem:
            try:
                archive = await obtain(release(DEFAULT))
                await asyncio.to_thread(stage, folder, None, archive, DEFAULT)
            except OffhookError as error:
                problem = error.message
        if problem:
            progress(f"{rows} are left out: {problem}")
        yield None if problem else {"OFFHOOK_AGORA_SDK": str(folder)}
