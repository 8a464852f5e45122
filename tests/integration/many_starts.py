"""Two calls, then 200 starts at once in a process that may open 64 files, then one call more; says how each went."""

from __future__ import annotations

import asyncio
import collections
import json
import os
import resource
import sys
from dataclasses import dataclass, field

from tests.mockserver.soak import CallStore, number_of
from tests.patience import PATIENCE_S

from offhook import Call, LoadPolicy, Phone
from offhook.errors import OffhookError
from offhook.testing import Resources, violations

STARTS, FILES = 200, 64
#: Files are to be the limit, and not the load of this machine.
ALL_AT_ONCE = LoadPolicy(late_limit_ms=None, busy_limit_percent=None, dials_at_once=STARTS, waiting_limit=STARTS)


@dataclass
class Program:
    """Places calls and keeps each up for as long as it should."""

    phone: Phone
    store: CallStore = field(default_factory=CallStore)
    calls: list[Call] = field(default_factory=list[Call])

    async def place(self, index: int, up: asyncio.Semaphore, over: asyncio.Event) -> str:
        """How the call went, by the code of its error."""
        call = self.phone.dial(number_of(index))
        self.calls.append(call)
        try:
            async with call:
                await call.answered()
                up.release()
                await over.wait()
        except OffhookError as error:
            up.release()
            return error.code
        except BaseException as error:
            up.release()
            return f"{type(error).__name__}: {error}"
        return f"{call.record.disposition}, {len(call.record.gaps)} gaps"

    def wrong(self) -> list[str]:
        """What must not be, in any of the calls."""
        rang = [call.record for call in self.calls if call.record.rang != "no"]
        dialled = [call.record for call in self.calls if call.record.dialed_at]
        found = [f"I9: {record.call_id} rang without being dialled" for record in rang if record not in dialled]
        for record in dialled:
            journal, saved = self.store.take(record.call_id)
            found += violations(record, journal=journal, saved=saved, tolerance_s=5)
        return found


def left_since(before: Resources) -> dict[str, int]:
    """What is there that was not; but for the loop's own threads, which stay as long as it does."""
    return {name: more for name, more in Resources.now().more_than(before).items() if name != "threads"}


async def main(transport: str | None = None) -> dict[str, object]:
    store = CallStore()
    async with Phone(
        transport=transport,
        environment=os.environ,
        store=store,
        call_limit=STARTS + 2,
        load_policy=ALL_AT_ONCE,
    ) as phone:
        program, up = Program(phone, store), asyncio.Semaphore(0)
        over, over_for_good = asyncio.Event(), asyncio.Event()
        first = [asyncio.create_task(program.place(STARTS + index, up, over_for_good)) for index in range(2)]
        for _ in first:
            await up.acquire()
        before = Resources.now()
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))
        many = [asyncio.create_task(program.place(index, up, over)) for index in range(STARTS)]
        for _ in many:
            await up.acquire()
        over.set()
        went = await asyncio.gather(*many)
        loop = asyncio.get_running_loop()
        until_s = loop.time() + PATIENCE_S
        while (left := left_since(before)) and loop.time() < until_s:
            await asyncio.sleep(0.05)
        one_more = await program.place(STARTS + 2, up, over)
        over_for_good.set()
        return {
            "first": await asyncio.gather(*first),
            "many": dict(collections.Counter(went)),
            "one more": one_more,
            "left": left,
            "wrong": program.wrong(),
        }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(*sys.argv[1:]))))
