"""Signals, really sent to this process: the first ends the work, the second ends the process, whatever hangs."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import threading
import time
from typing import TYPE_CHECKING

import pytest
import typer
from tests.patience import PATIENCE_S

from offhook.cli.exit_codes import ExitCode
from offhook.cli.stopping import CODES, Stop, run, show_cursor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.fault("F31")


class Ended:
    """Stands for the end of the process: keeps the exit code, and lets what hangs go on, so that the test can end."""

    def __init__(self) -> None:
        self.codes: list[int] = []
        self.came = threading.Event()

    def __call__(self, code: int) -> None:
        self.codes.append(code)
        self.came.set()


@pytest.fixture
def ended() -> Ended:
    return Ended()


@pytest.fixture
def make_stop(ended: Ended) -> Iterator[Callable[..., Stop]]:
    """Makes stops that do not end the process, and checks that they restore the handlers."""
    before = [signal.getsignal(number) for number in CODES]
    made: list[Stop] = []

    def make(drain_s: float = 60) -> Stop:
        made.append(Stop(drain_s=drain_s, end=ended))
        return made[-1]

    yield make
    for stop in made:
        if stop.code is not None:  # else it was dismissed already
            stop.dismiss()
    assert [signal.getsignal(number) for number in CODES] == before
    assert not [thread for thread in threading.enumerate() if thread.name == "offhook-signals"]


def kill(number: int) -> None:
    os.kill(os.getpid(), number)


def wait_for_a_signal(stop: Stop) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while stop.code is None and time.monotonic() < deadline:
        time.sleep(0.001)


async def until(condition: Callable[[], object]) -> None:
    """Wait until `condition` is true."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.002)


@pytest.mark.parametrize(("number", "code"), CODES.items())
def test_the_first_signal_cancels_the_work(number: int, code: ExitCode, make_stop: Callable[..., Stop]) -> None:
    async def main(stop: Stop) -> None:
        kill(number)
        await asyncio.Event().wait()

    with pytest.raises(typer.Exit) as raised:
        run(main, make_stop())
    assert raised.value.exit_code == code


def test_the_result_of_cancelled_work_is_returned(make_stop: Callable[..., Stop], ended: Ended) -> None:
    async def main(stop: Stop) -> str:
        kill(signal.SIGTERM)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "hung up"
        raise AssertionError

    stop = make_stop()
    assert stop.signal_name == ""
    assert run(main, stop) == "hung up"
    assert stop.code is ExitCode.TERMINATED
    assert stop.signal_name == "SIGTERM"
    assert ended.codes == []


def test_without_a_signal_nothing_is_changed(make_stop: Callable[..., Stop]) -> None:
    async def main(stop: Stop) -> int:
        return 7

    assert run(main, make_stop()) == 7
    assert run(main) == 7

    async def cancelled(stop: Stop) -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        run(cancelled, make_stop())


def test_a_second_signal_ends_the_process_at_once(make_stop: Callable[..., Stop], ended: Ended) -> None:
    done: list[str] = []

    def fail() -> None:
        raise OSError("gone already")

    async def main(stop: Stop) -> None:
        with stop.last_act(lambda: done.append("first made")), stop.last_act(fail):
            with stop.last_act(lambda: done.append("over already")):
                pass
            with stop.last_act(lambda: done.append("newest")):
                kill(signal.SIGTERM)
                while not ended.codes:  # a plugin that swallows its cancellation
                    try:
                        await until(ended.came.is_set)
                    except asyncio.CancelledError:
                        kill(signal.SIGINT)

    run(main, make_stop())
    assert ended.codes == [ExitCode.TERMINATED], "the first signal says with what"
    assert done == ["newest", "first made"]


def test_work_that_takes_too_long_is_abandoned(
    make_stop: Callable[..., Stop], ended: Ended, capfd: pytest.CaptureFixture[str]
) -> None:
    async def main(stop: Stop) -> None:
        kill(signal.SIGHUP)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await until(ended.came.is_set)

    run(main, make_stop(0.02))
    assert ended.codes == [ExitCode.HUNG_UP]
    assert "not everything ended within 0.02 s; left it" in capfd.readouterr().err


def test_the_time_goes_on_counting_after_the_work(make_stop: Callable[..., Stop], ended: Ended) -> None:
    async def main(stop: Stop) -> None:
        kill(signal.SIGTERM)
        await asyncio.Event().wait()

    with pytest.raises(typer.Exit):
        run(main, make_stop(0.05))
    assert ended.came.wait(10), "a thread that is not a daemon may keep the interpreter from its end"


def test_tasks_that_do_not_end_are_not_awaited(make_stop: Callable[..., Stop], ended: Ended) -> None:
    stubborn: list[asyncio.Task[None]] = []
    freed = asyncio.Event()

    async def refuse() -> None:
        while not freed.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await freed.wait()

    async def main(stop: Stop) -> str:
        stubborn.append(asyncio.create_task(refuse()))
        kill(signal.SIGTERM)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "hung up"
        raise AssertionError

    assert run(main, make_stop()) == "hung up"
    assert ended.codes == []
    loop = stubborn[0].get_loop()
    loop.call_soon(freed.set)
    loop.run_until_complete(stubborn[0])
    loop.close()


@pytest.mark.parametrize("second", [True, False])
def test_a_blocked_loop_does_not_prevent_the_end(make_stop: Callable[..., Stop], ended: Ended, second: bool) -> None:
    async def main(stop: Stop) -> None:
        kill(signal.SIGTERM)
        if second:
            wait_for_a_signal(stop)
            kill(signal.SIGTERM)
        assert ended.came.wait(10)  # in the loop's own thread

    run(main, make_stop(60 if second else 0.02))
    assert ended.codes == [ExitCode.TERMINATED]


def test_native_code_in_the_main_thread_does_not_prevent_the_end(make_stop: Callable[..., Stop], ended: Ended) -> None:
    """A handler in Python could not run there: the lock is taken twice, and no signal interrupts that."""
    libc = ctypes.CDLL(None)
    lock = ctypes.create_string_buffer(128)
    libc.pthread_mutex_init(lock, None)

    def free() -> None:
        ended.came.wait(10)
        libc.pthread_mutex_unlock(lock)

    async def main(stop: Stop) -> None:
        libc.pthread_mutex_lock(lock)
        for action in (free, lambda: kill(signal.SIGTERM)):
            threading.Thread(target=action).start()
        libc.pthread_mutex_lock(lock)
        assert ended.codes == [ExitCode.TERMINATED], "before Python code could run on this thread again"

    run(main, make_stop(0.02))


def test_other_signals_keep_their_handlers(make_stop: Callable[..., Stop]) -> None:
    """Also when other code replaces the descriptor to which signals are written."""
    came: list[int] = []

    async def main(stop: Stop) -> None:
        kill(signal.SIGUSR1)
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR2, came.append, signal.SIGUSR2)
        kill(signal.SIGUSR2)
        await until(lambda: len(came) == 2)
        assert stop.code is None
        kill(signal.SIGTERM)
        try:
            await until(lambda: False)
        finally:
            kill(signal.SIGUSR2)
            await until(lambda: len(came) == 3)  # it keeps it

    before = signal.signal(signal.SIGUSR1, lambda number, _: came.append(number))
    try:
        with pytest.raises(typer.Exit):
            run(main, make_stop())
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_nohup_is_respected(make_stop: Callable[..., Stop]) -> None:
    async def main(stop: Stop) -> None:
        kill(signal.SIGHUP)
        await asyncio.sleep(0.01)
        assert stop.code is None

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        run(main, make_stop())
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_signal_before_the_work_has_begun_cancels_it_at_once(make_stop: Callable[..., Stop]) -> None:
    stop = make_stop()
    stop.listen()
    kill(signal.SIGINT)
    wait_for_a_signal(stop)

    async def main() -> None:
        task = asyncio.current_task()
        assert task is not None
        stop.attach(task)
        await asyncio.Event().wait()

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())


def test_a_signal_after_the_loop_was_closed_is_kept(make_stop: Callable[..., Stop]) -> None:
    stop = make_stop()
    stop.listen()

    async def main() -> None:
        task = asyncio.current_task()
        assert task is not None
        stop.attach(task)

    asyncio.run(main())
    kill(signal.SIGTERM)
    wait_for_a_signal(stop)


def test_a_cursor_that_was_hidden_is_shown(tmp_path: Path) -> None:
    terminal, ours = os.openpty()
    show_cursor(ours)
    assert os.read(terminal, 100) == b"\x1b[?25h"
    os.close(ours)
    os.close(terminal)
    with (tmp_path / "file").open("wb") as file:
        show_cursor(file.fileno())
    assert (tmp_path / "file").read_bytes() == b""
