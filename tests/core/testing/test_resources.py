"""The resources of a process, before and after."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from offhook.testing import Resources


def test_what_is_left_behind_is_counted() -> None:
    before = Resources.now()
    assert Resources.now().more_than(before) == {}
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    with Path(__file__).open():
        assert Resources.now().more_than(before) == {"threads": 1, "descriptors": 1}
    stop.set()
    thread.join()
    assert Resources.now().more_than(before) == {}


def test_tasks_are_those_of_the_running_loop() -> None:
    async def main() -> None:
        before = Resources.now()
        assert before.tasks == 1
        task = asyncio.create_task(asyncio.Event().wait())
        assert Resources.now().more_than(before) == {"tasks": 1}
        task.cancel()
        await asyncio.wait({task})
        assert Resources.now().more_than(before) == {}

    asyncio.run(main())
