"""How late the timers of a loop are, and what another process uses."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest

from offhook.testing import VirtualLoop, run_virtual
from offhook_mockserver.commands.bench.lateness import Lateness, share_of


def test_the_99th_percentile_of_the_delays_of_timers() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        lateness = Lateness()
        assert lateness.p99_ms() == 0.0
        await asyncio.sleep(1)
        assert lateness.p99_ms() == pytest.approx(0, abs=1e-3)
        for _ in range(20):
            loop.block(0.05)
            await asyncio.sleep(0.03)
        assert 40 < lateness.p99_ms() <= 50
        lateness.stop()
        loop.block(5)
        await asyncio.sleep(1)
        assert lateness.p99_ms() <= 50

    run_virtual(main())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows it")
def test_a_process_that_computes_uses_a_share_and_one_that_is_gone_shows_none() -> None:
    async def main() -> None:
        share, gone = share_of(os.getpid()), share_of(2**22 + 1)
        loop = asyncio.get_running_loop()
        until_s = loop.time() + 0.3
        while loop.time() < until_s:
            pass
        used = share()
        assert used is not None
        assert used > 0
        assert gone() is None

    asyncio.run(main())
