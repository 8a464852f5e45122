"""What calls need is imported in a thread: soon after the start, or at once when the door is wanted."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import TYPE_CHECKING

import httpx
import pytest

from offhook_mockserver.server import MockServer
from offhook_mockserver.server import lazy_door as module
from offhook_wire.relay_protocol import HEALTH_PATH

if TYPE_CHECKING:
    from collections.abc import Callable

_LONG_S = 600.0


@pytest.fixture
def imports(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the threads in which the imports were made."""
    made: list[str] = []
    real: Callable[[], None] = module._import_all

    def counted() -> None:
        made.append(threading.current_thread().name)
        real()

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
