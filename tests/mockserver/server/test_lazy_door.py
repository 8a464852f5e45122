"""What calls need is imported in a thread: soon after the start, or at once when the door is wanted."""

from __future__ import annotations

import asyncio
import gc
import importlib
import threading
from typing import TYPE_CHECKING

import httpx
import pytest

from offhook_mockserver.server import MockServer
from offhook_mockserver.server import lazy_door as module
from offhook_mockserver.server.health import HEALTH
from offhook_wire.relay_protocol import HEALTH_PATH

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

_LONG_S = 600.0


@pytest.fixture
def imports(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the threads in which the imports were made."""
    made: list[str] = []
    real = module._import_all

    def counted(stopping: Callable[[], bool]) -> None:
        made.append(threading.current_thread().name)
        real(stopping)

    monkeypatch.setattr(module, "_import_all", counted)
    return made


async def _health(server: MockServer) -> int:
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get(f"{server.url}{HEALTH_PATH}")).status_code


def test_they_begin_by_themselves_and_once(imports: list[str]) -> None:
    async def main() -> None:
        async with MockServer() as server:
            await server.imported()
            assert len(imports) == 1
            assert imports != [threading.main_thread().name]
            assert await _health(server) == 200

    asyncio.run(main())
    assert len(imports) == 1


def test_they_begin_at_once_when_the_door_is_wanted(imports: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_HEAD_START_S", _LONG_S)

    async def main() -> None:
        async with MockServer() as server:
            assert await _health(server) == 200

    asyncio.run(main())
    assert len(imports) == 1


def test_a_mock_that_stops_before_they_begin_does_not_wait_for_them(
    imports: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_HEAD_START_S", _LONG_S)

    async def main() -> None:
        async with MockServer() as server:
            pass
        assert "control" not in vars(server._apis)

    asyncio.run(main())
    assert imports == []


def test_a_mock_that_stops_meanwhile_imports_no_further_part_and_all_when_it_starts_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_HEAD_START_S", 0.0)
    real, began, may_end = importlib.import_module, threading.Event(), threading.Event()
    named: list[str] = []

    def slow(name: str) -> ModuleType:
        named.append(name)
        began.set()
        may_end.wait()
        return real(name)

    async def main() -> None:
        server = MockServer()
        await server.start()
        with monkeypatch.context() as patch:
            patch.setattr("offhook_mockserver.server.lazy_door.importlib.import_module", slow)
            await asyncio.to_thread(began.wait)
            stopping = asyncio.create_task(server.aclose())
            await asyncio.sleep(0)
            may_end.set()
            await stopping
        assert len(named) == 1
        await server.start()
        assert await _health(server) == 200
        await server.aclose()

    asyncio.run(main())


def test_programs_can_wait_for_a_mock_without_keys_and_nothing_is_imported_or_noted_for_them() -> None:
    async def main() -> None:
        async with MockServer() as server, httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
            answer = await client.get(HEALTH)
            assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
            assert (await client.head(HEALTH)).headers["content-length"] == str(len(answer.content))
            assert (await client.get(HEALTH, headers={"host": "elsewhere.example"})).status_code == 421
            assert not vars(server._apis).keys() & {"control", "sendblue", "documents"}
            assert (await client.delete(HEALTH)).status_code == 501
            assert [entry.kind.value for entry in server.tenant.journal.entries] == ["refusal", "unexpected"]

    asyncio.run(main())


def test_a_mock_in_a_program_freezes_nothing_of_it() -> None:
    """Commands freeze what they have imported; a program's objects are not the mock's to keep."""

    async def main() -> None:
        frozen = gc.get_freeze_count()
        async with MockServer() as server:
            await server.imported()
        assert gc.get_freeze_count() == frozen

    asyncio.run(main())


def test_an_api_is_imported_when_it_is_asked() -> None:
    async def main() -> None:
        async with MockServer() as server, httpx.AsyncClient(trust_env=False) as client:
            apis = server._apis
            assert {"control", "sendblue", "documents", "_pcm_door"} & {*vars(apis), *vars(server)} == set()
            assert (await client.get(f"{server.url}/mock/v1")).status_code == 200
            assert {"control", "sendblue", "documents"} & vars(apis).keys() == {"control"}
            assert (await client.get(f"{server.url}/mock/openapi.json")).status_code == 200
            assert (await client.get(f"{server.url}/facetime/start-call")).status_code == 405
            assert {"control", "sendblue", "documents"} <= vars(apis).keys()

    asyncio.run(main())
