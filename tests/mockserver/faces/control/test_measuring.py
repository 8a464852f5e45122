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


def test_a_thread_that_cannot_be_started_costs_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        measuring = Measuring()
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", _no_more_threads)
            for _ in range(3):
                with pytest.raises(RuntimeError, match="start"):
                    await measuring.run(lambda: threading.get_ident)
        assert await measuring.run(lambda: threading.get_ident)

    asyncio.run(main())


def _no_more_threads(thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_what_has_begun_counts_until_it_ends_even_if_nobody_waits_for_it() -> None:
    async def main() -> None:
        measuring, go, begun = Measuring(), threading.Event(), threading.Semaphore(0)

        def work() -> None:
            begun.release()
            go.wait()

        first = [asyncio.create_task(measuring.run(lambda: work)) for _ in range(2)]
        while begun._value != 2:
            await asyncio.sleep(0)
        for task in first:
            task.cancel()
        await asyncio.wait(first)
        given_up, last = (asyncio.create_task(measuring.run(lambda: begun.release)) for _ in range(2))
        for _ in range(10):
            await asyncio.sleep(0)
        assert begun._value == 2
        given_up.cancel()
        go.set()
        await last
        assert begun._value == 3
        assert given_up.cancelled()

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
