"""Virtual time: hours pass at once, sockets and threads work, and a test that would hang fails."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from offhook.errors import CallStateError, ConfigError
from offhook.testing import LoopClock, NothingScheduledError, VirtualLoop, run_virtual


def test_hours_pass_at_once_and_in_order() -> None:
    async def main() -> list[float]:
        loop = asyncio.get_running_loop()
        woken: list[float] = []

        async def sleeper(seconds: float) -> None:
            await asyncio.sleep(seconds)
            woken.append(loop.time())

        await asyncio.gather(*(sleeper(seconds) for seconds in (7200.5, 0.001, 86400 * 30)))
        return woken

    before = time.monotonic()
    assert run_virtual(main()) == [0.001, 7200.5, 86400 * 30]
    assert time.monotonic() - before < 30


def test_timeouts_run_in_virtual_time() -> None:
    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(60):
                await asyncio.Event().wait()
        return asyncio.get_running_loop().time()

    assert run_virtual(main()) == 60


def test_a_test_that_would_hang_fails() -> None:
    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(NothingScheduledError, match="would hang for ever"):
        run_virtual(main())


def test_a_second_loop_is_not_started_inside_a_running_one() -> None:
    async def inner() -> None: ...

    async def main() -> None:
        waiting = inner()
        with pytest.raises(CallStateError, match=r"one runs here: await the coroutine instead"):
            run_virtual(waiting)
        with pytest.raises(RuntimeError, match="cannot reuse"):
            waiting.send(None)

    run_virtual(main())


def test_sockets_work_when_both_ends_are_on_the_loop() -> None:
    async def main() -> bytes:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await reader.read(100))
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            async with asyncio.timeout(5):
                writer.write(b"hello")
                answer = await reader.read()
            writer.close()
            await writer.wait_closed()
        return answer

    assert run_virtual(main()) == b"hello"


def test_work_in_the_executor_holds_the_clock() -> None:
    async def main() -> tuple[int, float]:
        loop, release = asyncio.get_running_loop(), threading.Event()

        def work() -> int:
            assert release.wait(30)
            return 7

        timer = loop.call_later(3600, release.set)
        threading.Timer(0.01, release.set).start()
        answer = await asyncio.to_thread(work)
        timer.cancel()
        return answer, loop.time()

    assert run_virtual(main()) == (7, 0.0)


def test_hold_keeps_the_clock_still_for_foreign_threads() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        done = asyncio.Event()
        sleeper = asyncio.create_task(asyncio.sleep(3600))
        with loop.hold():
            threading.Timer(0.01, loop.call_soon_threadsafe, (done.set,)).start()
            await done.wait()
            assert loop.time() == 0
            assert not sleeper.done()
        await sleeper
        return loop.time()

    assert run_virtual(main()) == 3600


def test_the_loop_clock_reads_the_loop() -> None:
    async def main() -> None:
        clock = LoopClock(1_000.0)
        assert (clock.monotonic_s(), clock.wall_s()) == (0, 1_000)
        await asyncio.sleep(2.5)
        assert (clock.monotonic_s(), clock.wall_s()) == (2.5, 1_002.5)

    run_virtual(main())


def test_a_function_that_was_not_called_is_refused() -> None:
    async def main() -> None:
        pass

    with pytest.raises(ConfigError, match=r"main must be a coroutine, for example main\(\)"):
        run_virtual(main)  # type: ignore[arg-type]


def test_the_clock_is_held_before_the_executor_starts_a_thread_and_not_after_a_failure() -> None:
    class Watching(ThreadPoolExecutor):
        held = False

        def submit(self, *args, **options):  # type: ignore[no-untyped-def]
            self.held = loop.held
            return super().submit(*args, **options)

    async def main() -> None:
        assert not loop.held
        with Watching(1) as executor:
            assert await loop.run_in_executor(executor, str, 1) == "1"
            assert executor.held
        assert not loop.held
        with pytest.raises(RuntimeError, match="shutdown"):
            loop.run_in_executor(executor, str, 1)
        assert not loop.held
        with loop.hold():
            assert loop.held

    loop = VirtualLoop()
    try:
        loop.run_until_complete(main())
    finally:
        loop.close()
