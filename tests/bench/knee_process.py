"""One measured process: places a number of calls at once, with the offhook of a checkout, to a mock of that checkout.

    python tests/bench/knee_process.py CHECKOUT CALLS TALK_S [--storm]

It uses only what every version has. Each caller plays a tone of its own, and each callee echoes. It prints a JSON
object: how many calls were up, what was late, skipped, lost and silent. With ``--storm``, the phone has the limits that
it has without settings, a quarter of the calls talks before the others are dialled, and calls that it refuses are
counted.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

CHECKOUT: Final = Path(sys.argv[1]).resolve()
PATHS: Final = [str(CHECKOUT / folder) for folder in ("core", "mockserver", "plugins")]
sys.path[:0] = PATHS
_ROOT: Final = Path(__file__).resolve().parents[2]

import httpx  # noqa: E402

import offhook  # noqa: E402 - of the checkout
from offhook import DialRefused, OffhookError, Phone  # noqa: E402

_SETTLE_S: Final = 2.0
_PERIOD_S: Final = 0.01
#: How many calls are dialled at once before a storm.
_AT_ONCE: Final = 5
_LOST: Final = ("packets_lost", "frames_late", "frames_concealed")


def _part(name: str) -> Any:
    """A module of `offhook bench calls`, of this repository and not of the checkout; it imports nothing of offhook."""
    path = _ROOT / "mockserver/offhook_mockserver/commands/bench" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"bench_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tones: Final = _part("tones")
callees: Final = _part("callees")


class Calls:
    """The calls of the run."""

    def __init__(self) -> None:
        self.up: dict[int, Any] = {}
        self.refused = 0
        self.problems: list[str] = []

    async def dial(self, phone: Phone, index: int) -> None:
        try:
            call = await phone.dial(callees.number(index)).__aenter__()
            if await call.answered():
                call.play(f"tone:{tones.tone_hz(index)}")
                self.up[index] = call
        except DialRefused:
            self.refused += 1
        except OffhookError as error:
            self.problems.append(error.message)

    def counted(self, *names: str) -> int:
        """The sum of counters of all calls that were up."""
        return sum(call.record.counters.get(name, 0) for call in self.up.values() for name in names)


async def lateness(late_s: list[float]) -> None:
    """Note how late timers are, until this is cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        due_s = loop.time() + _PERIOD_S
        await asyncio.sleep(_PERIOD_S)
        late_s.append(loop.time() - due_s)


async def losses(ready: dict[str, Any], calls: Calls) -> int:
    """What the callees lost, or skipped if their version counts that."""
    lost = 0
    headers = {"Authorization": f"Bearer {ready['control_token']}"}
    async with httpx.AsyncClient(headers=headers, trust_env=False, timeout=20) as client:
        for call in calls.up.values():
            answer = await client.get(f"{ready['control_url']}/tenants/default/calls/{call.record.channel}")
            call_there = answer.raise_for_status().json()
            lost += sum(call_there["losses"].values()) + call_there["counters"].get("frames_skipped", 0)
    return lost


async def measure(ready: dict[str, Any], count: int, talk_s: float, *, storm: bool) -> dict[str, object]:
    """Dial, talk, hang up."""
    environment = {
        "SENDBLUE_API_BASE_URL": ready["url"],
        "SENDBLUE_API_API_KEY": ready["api_key"],
        "SENDBLUE_API_API_SECRET": ready["api_secret"],
        "OFFHOOK_FROM_NUMBER": ready["from_number"],
    }
    limits: dict[str, Any] = {} if storm else {"call_limit": count}
    if not storm and hasattr(offhook, "LoadPolicy"):
        limits["load_policy"] = offhook.LoadPolicy(
            late_limit_ms=None, busy_limit_percent=None, dials_at_once=4, waiting_limit=100_000, wait_s=600
        )
    calls, late_s = Calls(), list[float]()
    async with Phone.from_env(environment, store=None, **limits) as phone:
        start_s = time.monotonic()
        before = count // 4 if storm else 0
        for index in range(0, before, _AT_ONCE):
            await asyncio.gather(*(calls.dial(phone, n) for n in range(index, min(index + _AT_ONCE, before))))
        tasks = [asyncio.create_task(calls.dial(phone, index)) for index in range(before, count)]
        _, slow = await asyncio.wait(tasks, timeout=20 + 0.2 * count)
        dial_s = time.monotonic() - start_s
        await asyncio.sleep(_SETTLE_S)
        watch, start_s, start_cpu_s = asyncio.create_task(lateness(late_s)), time.monotonic(), time.process_time()
        await asyncio.sleep(talk_s)
        busy = (time.process_time() - start_cpu_s) / (time.monotonic() - start_s)
        watch.cancel()
        for task in slow:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    late_s.sort()
    return {
        "calls": count,
        "up": len(calls.up),
        "refused": calls.refused,
        "slow": len(slow),
        "problem": calls.problems[0] if calls.problems else "",
        "dial_s": dial_s,
        "busy": busy,
        "late_p99_ms": 1000 * late_s[int(0.99 * (len(late_s) - 1))],
        "skipped": calls.counted("frames_skipped"),
        "lost": calls.counted(*_LOST),
        "lost_at_callees": await losses(ready, calls),
        "channels": {index: call.record.channel for index, call in calls.up.items()},
    }


async def main(count: int, talk_s: float, *, storm: bool) -> dict[str, object]:
    """Start the mock, measure, look at the recordings."""
    with tempfile.TemporaryDirectory() as folder:
        scripts, heard = Path(folder, "callees.toml"), Path(folder, "heard")
        scripts.write_text(callees.script_of(count), encoding="utf-8")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "offhook", "mock", "--json"),
            *("--scripts", str(scripts), "--recordings", str(heard)),
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(PATHS), "OFFHOOK_HOME": folder},
        )
        assert process.stdout is not None
        try:
            ready = json.loads(await process.stdout.readline())
            reading = asyncio.create_task(process.stdout.read())
            measured = await measure(ready, count, talk_s, storm=storm)
        finally:
            process.terminate()
            await process.wait()
        await reading
        channels: Any = measured.pop("channels")
        measured["silent_s"] = sum(
            tones.seconds_without(heard / f"{channel}.callee.wav", tones.tone_hz(index))
            for index, channel in channels.items()
        )
        return measured


if __name__ == "__main__":
    assert Path(offhook.__file__).is_relative_to(CHECKOUT), offhook.__file__
    json.dump(asyncio.run(main(int(sys.argv[2]), float(sys.argv[3]), storm="--storm" in sys.argv)), sys.stdout)
