"""The measuring script's end of a worker process: start it, ask it, make sure that it ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from tests.bench.checkouts import ROOT, imports_from
from tests.bench.method import Usage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping
    from typing import Self

_WORKER: Final = Path("tests", "bench", "worker.py")
_ANSWER_TIMEOUT_S: Final = 60.0
_END_TIMEOUT_S: Final = 5.0

#: Where a call can be placed to; what is in it is between a far role and a near one.
Place: TypeAlias = "dict[str, object]"
#: For each end of a call: when bursts were sent, when they were heard.
Times: TypeAlias = "list[tuple[list[float], list[float]]]"


class Worker:
    """A process that plays `role`."""

    def __init__(self, role: str, process: asyncio.subprocess.Process) -> None:
        self.role = role
        self._process = process
        self._ready = False

    @classmethod
    @contextlib.asynccontextmanager
    async def playing(
        cls, role: str, version: Path = ROOT, settings: Mapping[str, str] | None = None, python: Path | None = None
    ) -> AsyncGenerator[Self]:
        """Start it, and end it. It loads while others are started; the first question waits for that.

        Args:
            role: what it plays.
            version: the checkout whose offhook it runs, and whose role.
            python: what runs it, if not the Python of this process.
            settings: variables of its environment, beside those of this process.
        """
        process = await asyncio.create_subprocess_exec(
            str(python or sys.executable),
            str(version / _WORKER),
            role,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 20,
            # An interrupt from the keyboard is for us; the end of the pipe tells the worker.
            start_new_session=True,
            env={**os.environ, **imports_from(version), **(settings or {})},
        )
        worker = cls(role, process)
        try:
            yield worker
        finally:
            await worker._end()

    async def ask(self, command: str, **arguments: object) -> object:
        """Have it do something and wait for what it says.

        Raises:
            RuntimeError: it ended instead; its own words are on standard error.
            TimeoutError: it said nothing for a minute.
        """
        assert self._process.stdin is not None
        if not self._ready:
            await self._answer()
            self._ready = True
        self._process.stdin.write(json.dumps({"do": command, "with": arguments}).encode() + b"\n")
        return await self._answer()

    async def usage(self) -> Usage:
        """What it has used so far."""
        return Usage(**cast("dict[str, int]", await self.ask("usage")))  # some are floats, which Usage knows

    async def times(self) -> Times:
        """When bursts were sent and heard since the last time."""
        return cast("Times", await self.ask("times"))

    async def places(self, **arguments: object) -> list[Place]:
        """Have a far role open calls; where to place them."""
        return cast("list[Place]", await self.ask("open", **arguments))

    async def _answer(self) -> object:
        assert self._process.stdout is not None
        async with asyncio.timeout(_ANSWER_TIMEOUT_S):
            line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the worker {self.role!r} ended before its time")
        return json.loads(line)

    async def _end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(_END_TIMEOUT_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            raise
