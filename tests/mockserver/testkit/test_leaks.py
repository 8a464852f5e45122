"""What a test leaves behind in its process."""

from __future__ import annotations

import asyncio
import inspect
import socket
import subprocess
import sys
import threading
import tracemalloc

import pytest

from offhook_mockserver.testkit.leaks import Picture, left_behind, task_leak


def leaks(before: Picture) -> list[tuple[str, str]]:
    return [(leak.allowance, leak.what) for leak in left_behind(before, patient=False)]


def test_nothing_is_left_behind_by_what_has_ended() -> None:
    before = Picture.take()
    thread = threading.Thread(target=lambda: None)
    thread.start()
    with socket.socket():
        pass
    subprocess.run([sys.executable, "-S", "-c", ""], check=True)
    thread.join()
    assert left_behind(before) == []


def test_a_thread_is_named_with_the_line_that_it_runs() -> None:
    before = Picture.take()
    stop = threading.Event()

    def forgotten() -> None:
        stop.wait()

    thread = threading.Thread(target=forgotten, daemon=True)
    thread.start()
    try:
        ((kind, what),) = leaks(before)
        assert kind == "threads"
        assert "(forgotten), a daemon, at tests/mockserver/testkit/test_leaks.py:" in what
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("name", ["asyncio_0", "AnyIO worker thread", "pytest_timeout tests/x.py"])
def test_threads_that_end_with_their_loop_or_belong_to_a_tool_do_not_count(name: str) -> None:
    before = Picture.take()
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait, name=name)
    thread.start()
    try:
        assert leaks(before) == []
    finally:
        stop.set()
        thread.join()


def test_a_thread_that_is_about_to_end_is_waited_for() -> None:
    before = Picture.take()
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    timer = threading.Timer(0.05, stop.set)
    timer.start()
    assert left_behind(before) == []
    assert not thread.is_alive()


def test_a_socket_is_named_with_its_addresses() -> None:
    before = Picture.take()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = server.accept()
            with accepted:
                near = client.getsockname()[1]
                found = leaks(before)
                assert {kind for kind, _ in found} == {"sockets"}
                texts = [what.partition(" (")[0] for _, what in found]
                assert sorted(texts) == sorted(
                    [
                        f"TCP socket 127.0.0.1:{port}",
                        f"TCP socket 127.0.0.1:{near} connected to 127.0.0.1:{port}",
                        f"TCP socket 127.0.0.1:{port} connected to 127.0.0.1:{near}",
                    ]
                )
                # A server that outlives the test has closed nothing yet; what the test holds counts all the same.
                (left,) = left_behind(before, ports={port}, patient=False)
                assert left.what.startswith(f"TCP socket 127.0.0.1:{near} ")


def test_a_local_socket_is_named_too() -> None:
    before = Picture.take()
    near, far = socket.socketpair()
    with near, far:
        assert [kind for kind, _ in leaks(before)] == ["sockets", "sockets"]


def test_with_tracemalloc_a_socket_has_the_line_that_made_it() -> None:
    before = Picture.take()
    tracemalloc.start(5)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
            made.bind(("127.0.0.1", 0))
            ((_, what),) = leaks(before)
            assert what.startswith("UDP socket 127.0.0.1:")
            assert f"made at {__file__}:" in what
    finally:
        tracemalloc.stop()


def test_a_child_process_is_named_with_its_command() -> None:
    before = Picture.take()
    command = [sys.executable, "-S", "-c", "import sys; print(flush=True); sys.stdin.read()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        ((kind, what),) = leaks(before)
        assert kind == "processes"
        assert what.startswith(f"process {child.pid}, {sys.executable} -S -c import sys")
        child.communicate()


def test_a_task_is_named_with_the_line_where_it_waits() -> None:
    async def forgotten() -> None:
        await asyncio.sleep(3600)

    async def main() -> str:
        task = asyncio.create_task(forgotten(), name="renewal")
        await asyncio.sleep(0)
        text = task_leak(task).what
        task.cancel()
        return text

    text = asyncio.run(main())
    assert text.startswith("task renewal, running ")
    assert "forgotten, waits at tests/mockserver/testkit/test_leaks.py:" in text


def test_a_task_is_shown_with_the_innermost_line_of_the_users_code() -> None:
    async def inner() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(60))

    async def outer() -> None:
        await asyncio.wait_for(inner(), 60)

    async def main() -> str:
        task = asyncio.create_task(outer())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        text = task_leak(task).what
        task.cancel()
        return text

    text = asyncio.run(main())
    line = inspect.getsourcelines(outer)[1] + 1 if sys.version_info < (3, 12) else inspect.getsourcelines(inner)[1] + 1
    assert f"test_leaks.py:{line}" in text, text
