"""The benchmark: one table of ratios, ours against bare aiortc's, measured in turns in one run.

    python tests/bench/run.py [--json FILE] [--only G1,G7] [--turns N] [--runs N] [--page] [--peers]

Only ratios of one run mean anything: whatever else the machine does hits both sides alike. The exit code is 1 when a
value is worse than its floor.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import importlib.metadata
import os
import platform
import re
import signal
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # PYTHONSAFEPATH keeps it out

from tests.bench import (
    after_rows,
    agora_delay_rows,
    agora_rows,
    call_rows,
    caller_rows,
    delay_rows,
    events_rows,
    kit_rows,
    lines_rows,
    load_rows,
    many_rows,
    memory_rows,
    page,
    port_rows,
    relay_rows,
    ring_rows,
    setup_rows,
    start_rows,
    virtual_rows,
    webhook_rows,
)
from tests.bench.calibration import calibration_s
from tests.bench.method import HAS_PROC, progress
from tests.bench.peers import canned_rows, janus_rows, pipecat_rows
from tests.bench.peers.install import PeerMissing
from tests.bench.table import Row, as_json, as_text, exit_code, merged

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

#: What is measured together.
SETS: Final[dict[tuple[str, ...], Callable[[int], Awaitable[list[Row]]]]] = {
    ("G1",): setup_rows.measure,
    ("G2", "G14", "G15"): call_rows.measure,
    ("G3", "G6"): relay_rows.measure,
    ("G7", "G8"): delay_rows.measure,
    ("G9", "G9m", "G10"): memory_rows.measure,
    ("C1",): caller_rows.measure,
    ("C2",): caller_rows.measure_set_ups,
    ("R1", "R2"): port_rows.measure,
    ("S1",): start_rows.measure,
    ("S2",): start_rows.measure_imports,
    ("S3",): ring_rows.measure,
    ("M1",): after_rows.measure,
    ("K1", "K2", "K3"): kit_rows.measure,
    ("K4",): kit_rows.measure_plugins,
    ("K5",): kit_rows.measure_slope,
    ("K6",): virtual_rows.measure,
    ("K7",): kit_rows.measure_stories,
    ("K8",): many_rows.measure,
    ("N1", "N2"): load_rows.measure,
    ("L1",): lines_rows.measure,
    ("E1",): events_rows.measure,
    ("W1",): webhook_rows.measure,
    ("A1", "A3"): agora_rows.measure,
    ("A4",): agora_rows.measure_set_up,
    ("A2",): agora_delay_rows.measure,
    ("A5",): agora_delay_rows.measure_shares,
}
#: Aiortc (G), callers (C), relay (R), start (S), memory (M), test kit (K), load (N), API (L, E), webhooks (W), Agora,
#: and peers.
LETTERS: Final = "GCRSMKNLEWAP"
#: The same, of other programs that do what offhook does; only with ``--peers``.
PEERS: Final[dict[tuple[str, ...], Callable[[int], Awaitable[list[Row]]]]] = {
    ("P1",): janus_rows.measure,
    ("P2",): pipecat_rows.measure,
    ("P3",): canned_rows.measure_prism,
    ("P4",): canned_rows.measure_mockoon,
    ("P5",): canned_rows.measure_moto,
}
IDS: Final = tuple(name for names in SETS for name in names)
PEER_IDS: Final = tuple(name for names in PEERS for name in names)
#: How often the speed of the machine is looked at.
_PIECES: Final = 5


def place(name: str) -> tuple[int, int]:
    """Where a row stands in the table: by the order of letters, then by number; G9m is after G9."""
    return LETTERS.index(name[0]), int(re.findall("[0-9]+", name)[0])


def _wanted(text: str) -> list[str]:
    known = {name.upper(): name for name in (*IDS, *PEER_IDS)}
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name.upper() not in known:
            raise argparse.ArgumentTypeError(f"{name!r} is no row; there are {', '.join((*IDS, *PEER_IDS))}")
    return [known[name.upper()] for name in names]


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no positive number")
    return int(text)


def _where() -> str:
    """What the figures are from, and how fast it is."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("offhook", "aiortc", "aioice", "av"))
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    piece_ms = statistics.median(calibration_s() for _ in range(_PIECES)) * 1000
    return f"{versions}; Python {platform.python_version()}, {machine}, fixed piece of Python in {piece_ms:.0f} ms"


def void_row(name: str, why: str) -> Row:
    """A row that could not be measured, which makes the exit code 1."""
    return Row(id=name, what="", value=None, floor=0, note=why)


def _without_nan(row: Row) -> Row:
    """A row whose every turn was void has no figures to tell in its note."""
    if row.value is None and row.void:
        return replace(row, note="frames were missing in every turn, as on a busy machine")
    return row


async def measure(names: Sequence[str], turns: int) -> list[Row]:
    """The wanted rows, and those that belong to them, in the order of their numbers."""
    rows: list[Row] = []
    for members, measure_set in {**SETS, **PEERS}.items():
        if set(members) & set(names):
            try:
                rows += await measure_set(turns)
            except PeerMissing as error:
                progress(f"{', '.join(members)}: {error}")
                rows += [replace(void_row(name, str(error)), enforced=False) for name in members]
            except RuntimeError as error:  # a worker's own words are above; the other rows are measured all the same
                progress(f"{', '.join(members)}: {error}")
                rows += [void_row(name, str(error)) for name in members]
    wanted = [_without_nan(row) for row in rows if row.id.partition(".")[0] in names]
    return sorted(wanted, key=lambda row: place(row.id))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, give the exit code."""
    parser = argparse.ArgumentParser(description="offhook against bare aiortc, in turns, on loopback")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows to this file as well")
    parser.add_argument("--only", type=_wanted, metavar="G1,G7", help="these rows only")
    parser.add_argument("--turns", type=_count, default=1, metavar="N", help="turns of each comparison (default: 1)")
    parser.add_argument("--peers", action="store_true", help="the rows about other programs, which are installed, too")
    parser.add_argument("--runs", type=_count, default=1, metavar="N", help="measure everything N times (default: 1)")
    parser.add_argument("--page", action="store_true", help="write the results to docs/benchmarks.md")
    options = parser.parse_args(arguments)
    names = options.only or [*IDS, *(PEER_IDS if options.peers else ())]
    strangers = sorted(set(names) & set(PEER_IDS))
    if strangers and not options.peers:
        parser.error(f"{', '.join(strangers)}: rows about other programs need --peers, which installs these")
    if not HAS_PROC:
        progress("there is no /proc here: G14 and G15 are left out")
    start_s = time.monotonic()
    where = _where()
    runs: list[list[Row]] = []
    rows: list[Row] = []
    try:
        for _ in range(options.runs):
            runs.append(asyncio.run(measure(names, options.turns)))
            rows = merged(runs)
            if options.page:  # after each run, so that an interruption loses no more than one
                today = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
                page.update(rows, date=today, machine=where, order=sorted((*IDS, *PEER_IDS), key=place))
    except KeyboardInterrupt:
        progress("interrupted")
        return 130
    print(where)
    print(as_text(rows), end="")
    print(f"Took {time.monotonic() - start_s:.0f} s.")
    if options.json is not None:
        options.json.write_text(as_json(rows), encoding="utf-8")
    return exit_code(rows)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that it ends what it has started
    sys.exit(main())
