"""Measurements in threads: bounded, and dropped when the process ends."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
import threading
from typing import TYPE_CHECKING

import pytest

from offhook_mockserver.faces.control.measuring import Measuring

if TYPE_CHECKING:
    from collections.abc import Callable


def test_results_and_errors_come_back() -> None:
    async def main() -> None:
        measuring = Measuring()
        assert await measuring.run(lambda: threading.get_ident) != threading.get_ident()

        def fail() -> None:
            raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            await measuring.run(lambda: fail)

    asyncio.run(main())


def test_two_are_measured_at_once() -> None:
    async def main() -> None:
        measuring, go, running = Measuring(), threading.Event(), threading.Semaphore(0)
        prepared = 0

        def prepare() -> Callable[[], bool]:
            nonlocal prepared
            prepared += 1

            def work() -> bool:
                running.release()
                return go.wait(50)

            return work

        tasks = [asyncio.create_task(measuring.run(prepare)) for _ in range(3)]
        for _ in range(2):
            await asyncio.to_thread(running.acquire)
        assert prepared == 2  # the third has not copied its audio yet
        go.set()
        await asyncio.gather(*tasks)

    asyncio.run(main())


@pytest.mark.slow
def test_a_measurement_does_not_hold_the_end_of_the_process() -> None:
    program = """
        import asyncio, threading
        from offhook_mockserver.faces.control.measuring import Measuring

        async def main():
            begun = threading.Event()
            def work():
                begun.set()
                threading.Event().wait()
            task = asyncio.create_task(Measuring().run(lambda: work))
            await asyncio.to_thread(begun.wait)
            task.cancel()

        asyncio.run(main())
        print("ended")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=50, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "ended\n", "")
