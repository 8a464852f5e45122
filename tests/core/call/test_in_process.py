"""Phones that call the base URL of a service in this process reach it without a socket, and no other phone does."""

from __future__ import annotations

import asyncio
import contextvars
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.core.rig import NUMBER

from offhook.call import InProcessService, Phone, clock_in_process, reached_in_process
from offhook.errors import CallStateError, OffhookError
from offhook.plugin import Plugins
from offhook.testing import FixedAuth, Ids, LinkedTransport, LoopClock, MemoryStore, ScriptedCarrier, run_virtual

if TYPE_CHECKING:
    from pathlib import Path

    from offhook.interfaces import Store, Transport

URL = "http://127.0.0.1:9"
SETTINGS = {
    "SENDBLUE_API_BASE_URL": URL,
    "SENDBLUE_API_API_KEY": "a-key",
    "SENDBLUE_API_API_SECRET": "a-secret",
    "OFFHOOK_FROM_NUMBER": "+18885550199",
    "OFFHOOK_STORE": "none",
}


class Service:
    """A service that refuses every call, and counts what phones took from it."""

    def __init__(self, plugins: Plugins | None = None, store: Store | None = None) -> None:
        self.transports: list[Transport] = []
        self.requests: list[httpx.Request] = []
        self.refused: OffhookError | None = None
        self.service = InProcessService(
            base_url=URL,
            http=self.http,
            transport=self.transport,
            clock=LoopClock(),
            ids=Ids(1),
            plugins=plugins,
            store=store,
            check_loop=self.check_loop,
        )

    def check_loop(self) -> None:
        if self.refused is not None:
            raise self.refused

    def http(self) -> httpx.AsyncBaseTransport:
        return httpx.MockTransport(self._answer)

    def transport(self) -> Transport:
        transport = LinkedTransport()
        self.transports.append(transport)
        return transport

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(401, json={})


async def _dial(phone: Phone) -> None:
    async with phone:
        with pytest.raises(OffhookError, match="key"):
            async with phone.dial(NUMBER):
                pass


def test_a_phone_with_its_base_url_takes_everything_it_did_not_bring() -> None:
    ours = Service()

    async def main() -> None:
        with reached_in_process(ours.service):
            phone = Phone.from_env(SETTINGS)
        await _dial(phone)
        assert phone._parts.clock is ours.service.clock
        assert phone._parts.ids is ours.service.ids
        assert [phone._parts.transport] == ours.transports

    run_virtual(main())
    assert [request.url.path for request in ours.requests] == ["/facetime/start-call"]


def test_a_slash_at_the_end_of_the_base_url_is_the_same_service() -> None:
    ours = Service()

    async def main() -> None:
        with reached_in_process(ours.service):
            await _dial(Phone(environment={**SETTINGS, "SENDBLUE_API_BASE_URL": URL + "/"}))

    run_virtual(main())
    assert len(ours.requests) == 1


def test_what_a_phone_brings_itself_it_keeps() -> None:
    ours, theirs = Service(), Service()
    clock, ids, transport = LoopClock(), Ids(2), LinkedTransport()

    async def main() -> None:
        with reached_in_process(ours.service):
            phone = Phone.from_env(SETTINGS, clock=clock, ids=ids, transport=transport, http=theirs.http())
        await _dial(phone)
        assert (phone._parts.clock, phone._parts.ids, phone._parts.transport) == (clock, ids, transport)

    run_virtual(main())
    assert (len(ours.requests), len(ours.transports), len(theirs.requests)) == (0, 0, 1)


def test_a_phone_with_another_base_url_is_left_alone() -> None:
    ours = Service()

    async def main() -> None:
        with reached_in_process(ours.service):
            settings = {**SETTINGS, "SENDBLUE_API_BASE_URL": "http://127.0.0.1:10"}
            async with Phone(environment=settings, transport=LinkedTransport()) as phone:
                assert phone._parts.clock is not ours.service.clock

    asyncio.run(main())
    assert not ours.transports


def test_a_carrier_object_keeps_its_own_way_into_the_channel() -> None:
    ours = Service()

    async def main() -> None:
        with reached_in_process(ours.service):
            async with Phone(
                carrier=ScriptedCarrier(), transport=LinkedTransport(), environment=SETTINGS, auth=FixedAuth()
            ):
                pass

    run_virtual(main())
    assert not ours.transports


def test_the_loaded_plugins_are_shared_by_phones_that_bring_none() -> None:
    plugins = Plugins.load()
    ours = Service(plugins)
    mine = Plugins.load()

    async def main() -> None:
        with reached_in_process(ours.service):
            async with (
                Phone.from_env(SETTINGS) as sharing,
                Phone.from_env(SETTINGS, plugins=mine) as own,
                Phone.from_env({**SETTINGS, "OFFHOOK_DISABLE_PLUGINS": "jsonl"}) as choosy,
            ):
                assert sharing.plugins is plugins
                assert own.plugins is mine
                assert choosy.plugins is not plugins

    run_virtual(main())


def test_the_store_takes_the_calls_of_phones_that_name_none(tmp_path: Path) -> None:
    ours, mine = MemoryStore(), MemoryStore()
    service = Service(store=ours).service

    async def main() -> None:
        with reached_in_process(service):
            await _dial(Phone.from_env({**SETTINGS, "OFFHOOK_STORE": f"jsonl:{tmp_path}"}))
            await _dial(Phone.from_env(SETTINGS, store=mine))
            await _dial(Phone.from_env(SETTINGS, store=None))
            assert not ours.journal
            await _dial(Phone.from_env(SETTINGS))

    run_virtual(main())
    for written in (ours, mine):
        assert [entry["event"] for entry in written.journal] == ["Dialed", "CallRefused"]
    assert (tmp_path / "record.json").exists()


def test_the_service_is_reached_in_the_body_alone_and_in_its_tasks() -> None:
    outer, inner = Service(), Service()

    async def main() -> None:
        with reached_in_process(outer.service):
            context = contextvars.copy_context()
            with reached_in_process(inner.service):
                await _dial(Phone.from_env(SETTINGS))
            await _dial(Phone.from_env(SETTINGS))
        await asyncio.create_task(_dial(context.run(Phone.from_env, SETTINGS)))

    run_virtual(main())
    assert (len(inner.requests), len(outer.requests)) == (1, 2)


def test_a_loop_that_the_service_rejects_makes_and_uses_no_phone() -> None:
    service = Service()
    refused = CallStateError("the service's clock does not run on this loop")

    async def main() -> None:
        with reached_in_process(service.service):
            phone = Phone.from_env(SETTINGS)
            service.refused = refused
            with pytest.raises(CallStateError, match="does not run"):
                phone.dial(NUMBER)
            with pytest.raises(CallStateError, match="does not run"):
                Phone.from_env(SETTINGS)
            service.refused = None
            await phone.aclose()

    run_virtual(main())
    assert len(service.transports) == 1


def test_what_keeps_time_beside_a_phone_has_the_same_clock() -> None:
    service = Service()

    async def main() -> None:
        assert clock_in_process() is None
        with reached_in_process(service.service):
            phone = Phone.from_env(SETTINGS)
            assert phone.clock is clock_in_process() is service.service.clock
            await phone.aclose()
        assert clock_in_process() is None

    run_virtual(main())
