"""S1, S2: how soon `offhook mock` answers, against bare Starlette, and what `import offhook` takes, against httpx.

Every figure is of a fresh process; the first of each kind is not counted, since it compiles. The version before is
measured in the same turns.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from tests.bench.checkouts import BEFORE_MANY_CALLS as OLD
from tests.bench.checkouts import ROOT, absent, checkout, imports_from
from tests.bench.method import progress, usage_of
from tests.bench.table import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_BARE_SERVER: Final = Path(__file__).with_name("bare_server.py")
#: What starts a mock; its port follows.
MOCK: Final = ("-m", "offhook", "mock", "--json", "--port")
_PATH: Final = "/mock/v1"
_LOOK_S: Final = 0.002
_TIMEOUT_S: Final = 30.0
_PAIRS_PER_TURN: Final = 3
_T = TypeVar("_T")
NEW, BEFORE, BASE = "now", "before", "base"
#: With it, every process would compile what it imports.
_NOT_PASSED_ON: Final = "PYTHONDONTWRITEBYTECODE"


async def measure(turns: int) -> list[Row]:
    """S1 and S1.wall; three processes of each kind for each turn."""
    return await asyncio.to_thread(_measure, turns * _PAIRS_PER_TURN)


async def measure_imports(turns: int) -> list[Row]:
    """S2 and S2.phone; three processes of each kind for each turn."""
    return await asyncio.to_thread(_measure_imports, turns * _PAIRS_PER_TURN)


def _measure(pairs: int) -> list[Row]:
    with checkout(OLD) as old:
        arms: dict[str, Callable[[], tuple[float, float]]] = {
            NEW: lambda: first_answer(MOCK, ROOT),
            BASE: lambda: first_answer((str(_BARE_SERVER),), ROOT),
        }
        if old:
            arms[BEFORE] = lambda: first_answer(MOCK, old)
        taken = _take("cold start", arms, pairs)
    what = "`offhook mock`, from its start to its first 200 / bare Starlette behind uvicorn"
    return [
        _row("S1", f"{what}, CPU time", {arm: [cpu for cpu, _ in values] for arm, values in taken.items()}, 4, 1.6),
        _row("S1.wall", f"{what}, wall time", {arm: [wall for _, wall in values] for arm, values in taken.items()}, 4),
    ]


def _measure_imports(pairs: int) -> list[Row]:
    rows: list[Row] = []
    with checkout(OLD) as old:
        for name, statement, goal in (
            ("S2", "import offhook", 0.4),
            ("S2.phone", "from offhook import Phone", 0.4),
        ):
            arms: dict[str, Callable[[], float]] = {
                NEW: lambda statement=statement: import_ms(statement, ROOT),  # type: ignore[misc]
                BASE: lambda: import_ms("import httpx", ROOT),
            }
            if old:
                arms[BEFORE] = lambda statement=statement: import_ms(statement, old)  # type: ignore[misc]
            taken = _take(statement, arms, pairs)
            rows.append(_row(name, f"`{statement}` / `import httpx`, CPU time", taken, 2, goal))
    return rows


def _take(what: str, arms: Mapping[str, Callable[[], _T]], pairs: int) -> dict[str, list[_T]]:
    taken: dict[str, list[_T]] = {arm: [] for arm in arms}
    for run in arms.values():
        run()
    for pair in range(pairs):
        progress(f"{what}: {pair + 1} of {pairs}")
        for arm, run in arms.items():
            taken[arm].append(run())
    return taken


def _row(name: str, what: str, taken: Mapping[str, Sequence[float]], floor: float, goal: float | None = None) -> Row:
    ratios = [ours / base for ours, base in zip(taken[NEW], taken[BASE], strict=True)]
    before = absent(OLD)
    if BEFORE in taken:
        then = statistics.median(ours / base for ours, base in zip(taken[BEFORE], taken[BASE], strict=True))
        before = f"{then:.2f} at {OLD}"
    ours, base = (statistics.median(taken[arm]) for arm in (NEW, BASE))
    return Row(
        id=name,
        what=what,
        value=statistics.median(ratios),
        floor=floor,
        goal=goal,
        turns=ratios,
        note=f"{ours:.0f} against {base:.0f} ms; {before}",
    )


def first_answer(arguments: Sequence[str], version: Path) -> tuple[float, float]:
    """Start a server in a process of its own, with a port as its last argument, and ask it.

    Returns:
        The CPU time that it has spent when it has answered, and the time that has passed, in milliseconds.

    Raises:
        RuntimeError: it did not answer with 200.
    """
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    began_s = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments, str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=_environment(version),
    )
    try:
        with _connected(port, began_s) as connection:
            connection.sendall(f"GET {_PATH} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n\r\n".encode())
            answer = connection.recv(4096)
            wall_ms = (time.perf_counter() - began_s) * 1000
            cpu_ms = usage_of(process.pid).cpu_s * 1000
        if b" 200 " not in answer[:20]:
            raise RuntimeError(f"the server did not answer with 200: {answer[:100]!r}")
        return cpu_ms, wall_ms
    finally:
        process.kill()
        process.wait()


def _connected(port: int, began_s: float) -> socket.socket:
    while time.perf_counter() - began_s < _TIMEOUT_S:
        with contextlib.suppress(ConnectionRefusedError):
            return socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT_S)
        time.sleep(_LOOK_S)
    raise RuntimeError("the server did not listen")


def import_ms(statement: str, version: Path) -> float:
    """The CPU time that a fresh process takes to import something, in milliseconds.

    Raises:
        RuntimeError: it failed.
    """
    program = f"import time; s = time.process_time(); {statement}; print((time.process_time() - s) * 1000)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, env=_environment(version)
    )
    if done.returncode:
        raise RuntimeError(f"{statement} failed:\n{done.stderr}")
    return float(done.stdout)


def _environment(version: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name != _NOT_PASSED_ON}
    return {**inherited, **imports_from(version)}
