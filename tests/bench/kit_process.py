"""One measured process of the test kit: prints a JSON object of figures, in milliseconds, as lists.

python tests/bench/kit_process.py session | plugins | requests COUNT
"""

from __future__ import annotations

import json
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

ROOT: Final = Path(__file__).resolve().parents[2]
for folder in (".", "core", "mockserver", "plugins"):
    sys.path.insert(0, str(ROOT / folder))

if TYPE_CHECKING:
    from collections.abc import Callable

_SESSIONS: Final = 7
_TESTS: Final = 60
#: The first ones of a process load things.
_DROPPED: Final = 2
#: What pytest loads of offhook in every run: its entry points, and the files that their `pytest_addoption` registers.
_PLUGINS: Final = ("offhook_pytest", "offhook_mock_pytest")
#: How often memory is read, and how many requests there are between two seconds of virtual time.
_READINGS: Final = 100
_AT_ONCE: Final = 20


def session() -> dict[str, list[float]]:
    """Sessions with the fixtures of the mock: their start, tenants of tests, and their end. The first also imports."""
    began_s = time.perf_counter()
    from tests.bench.calibration import calibration_s

    from offhook.plugin import Plugins
    from offhook_mockserver.testkit import MockOptions, ServerThread
    from offhook_mockserver.testkit.making import real_handle

    found: dict[str, list[float]] = {"imports": [], "start": [], "tenant": [], "test_end": [], "stop": [], "piece": []}
    for _ in range(_SESSIONS):
        plugins = Plugins.load()
        server = ServerThread(plugins=plugins)
        server.start()
        now_s = time.perf_counter()
        found["start" if found["imports"] else "imports"].append((now_s - began_s) * 1000)
        for index in range(_TESTS):
            began_s = time.perf_counter()
            with real_handle(server, MockOptions(), plugins=plugins, seed=index):
                made_s = time.perf_counter()
            ended_s = time.perf_counter()
            if index >= _DROPPED:
                found["tenant"].append((made_s - began_s) * 1000)
                found["test_end"].append((ended_s - made_s) * 1000)
        began_s = time.perf_counter()
        server.stop()
        now_s = time.perf_counter()
        found["stop"].append((now_s - began_s) * 1000)
        found["piece"].append(calibration_s(time.perf_counter) * 1000)
        began_s = time.perf_counter()
    return found


def plugins() -> dict[str, list[float]]:
    """The CPU time in which pytest, once it is loaded, loads the two plugins."""
    from _pytest.config import get_config
    from tests.bench.calibration import calibration_s

    config = get_config()
    began_s = time.process_time()
    for name in _PLUGINS:
        config.pluginmanager.register(import_module(name), name)
    spent_ms = (time.process_time() - began_s) * 1000
    if "offhook_mock_pytest.void" not in sys.modules:
        raise RuntimeError("the plugins were not loaded whole")
    return {"import": [spent_ms], "piece": [calibration_s() * 1000]}


def requests(count: int) -> dict[str, list[float]]:
    """Memory while `count` calls are started over HTTP, each of which the callee declines, with a journal."""
    import httpx
    from tests.bench.method import usage

    from offhook.interfaces import Ids
    from offhook.testing import LoopClock, run_virtual
    from offhook_mockserver.server import Decline, InProcessMock, Ring, Script

    script = Script("declines", (Ring(0.1), Decline()))
    found: dict[str, list[float]] = {"requests": [], "bytes": [], "entries": []}

    async def start_calls() -> None:
        import asyncio

        async with InProcessMock(clock=LoopClock(), ids=Ids(1), script_for=lambda number: script) as mock:
            tenant = mock.tenant
            headers = {"sb-api-key-id": tenant.api_key.reveal(), "sb-api-secret-key": tenant.api_secret.reveal()}
            body = {"fromNumber": next(iter(tenant.lines)), "phoneNumber": "+14155550123"}
            async with httpx.AsyncClient(transport=mock.http(), base_url=mock.url, headers=headers) as client:
                for index in range(count):
                    if index % max(1, count // _READINGS) == 0:
                        found["requests"].append(index)
                        found["bytes"].append(usage(0, 0).rss_bytes)
                    answer = await client.post("/facetime/start-call", json=body)
                    answer.raise_for_status()
                    if index % _AT_ONCE == 0:
                        await asyncio.sleep(60)  # no caller joins, so the calls end
            found["entries"].append(len(tenant.journal.entries))

    run_virtual(start_calls())
    return found


def main() -> None:
    """Measure what the first argument names."""
    kinds: dict[str, Callable[[], dict[str, list[float]]]] = {
        "session": session,
        "plugins": plugins,
        "requests": lambda: requests(int(sys.argv[2])),
    }
    json.dump(kinds[sys.argv[1]](), sys.stdout)


if __name__ == "__main__":
    main()
