"""Tasks that a plugin leaves running when a phone is closed: named in the log."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.core.rig import ALONE, NUMBER, run

from offhook import Phone
from offhook.testing import FixedAuth, LinkedTransport, LoopClock, ScriptedCarrier

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.interfaces import Carrier

LEAKY = """
    import asyncio

    from offhook.plugin import hookimpl
    from offhook.testing import ScriptedCarrier

    class Leaky(ScriptedCarrier):
        async def start_call(self, request):
            self.tasks = [asyncio.create_task(work()) for work in (self.poll, self.finish, self.listen)]
            return await super().start_call(request)

        async def poll(self):
            await asyncio.sleep(3600)

        async def finish(self):
            while not self.closed:
                await asyncio.sleep(0)

        async def listen(self):
            await asyncio.sleep(3600)

        async def aclose(self):
            await super().aclose()
            self.tasks[2].cancel()

    @hookimpl
    def offhook_auth(registry):
        registry.add("env", lambda environment: None)

    @hookimpl
    def offhook_carrier(registry):
        registry.add("{name}", lambda environment, auth: Leaky())
"""


async def one_call(carrier: Carrier | str) -> None:
    """Place a call with a phone and close it; then end what is left, so that the test can."""
    async with (
        Phone(
            carrier=carrier,
            auth=FixedAuth(),
            transport=LinkedTransport(),
            environment={**ALONE, "OFFHOOK_STORE": "none"},
            clock=LoopClock(),
        ) as phone,
        phone.dial(NUMBER),
    ):
        pass
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


@pytest.mark.fault("F39")
def test_what_an_installed_plugin_leaves_running_is_named(
    install: Callable[..., str], caplog: pytest.LogCaptureFixture
) -> None:
    module = install("acme", LEAKY)
    run(one_call("acme"))
    (told,) = [record.getMessage() for record in caplog.records if "still run" in record.getMessage()]
    assert told.startswith(f"{module}.Leaky (acme-offhook 1.0) was closed, and 1 of its tasks still run (Leaky.poll, ")
    assert told.endswith("it leaks them, unless another phone uses it")


def test_nobody_else_is_blamed(install: Callable[..., str], caplog: pytest.LogCaptureFixture) -> None:
    class Own(ScriptedCarrier):
        """The program's: its tasks run on."""

    async def program() -> None:
        await one_call("acme")
        running = asyncio.create_task(asyncio.sleep(3600))
        await one_call(Own())
        assert running.cancelled(), "until then"

    install("acme", LEAKY.replace("self.tasks[2].cancel()", "[task.cancel() for task in self.tasks]"))
    run(program())
    assert not [record for record in caplog.records if "still run" in record.getMessage()]
