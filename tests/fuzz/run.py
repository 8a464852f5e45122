"""Fuzz the parsers: ``nox -s fuzz -- 1000000`` runs each with a million inputs; names of parsers select some.

Inputs that fail are kept below ``tests/fuzz/found``, where the tests find them. ``--seed`` makes other inputs.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.fuzz.fuzzing import fuzz, keep
from tests.fuzz.targets import targets


def main() -> int:
    """Run, print a table, and return the exit code."""
    known = targets()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("inputs", type=int, nargs="?", default=100_000, help="how many for each parser")
    parser.add_argument("--seed", default="offhook", help="any text")
    parser.add_argument("--only", nargs="+", choices=sorted(known), default=sorted(known), help="parsers to run")
    chosen = parser.parse_args()
    total = failed = 0
    print(f"{'parser':<12}{'inputs':>12}{'CPU s':>10}{'slowest ms':>12}{'grown MB':>10}{'faults':>8}", flush=True)
    for name in chosen.only:
        result = fuzz(name, known[name], chosen.inputs, chosen.seed)
        total, failed = total + result.inputs, failed + len(result.faults)
        print(
            f"{name:<12}{result.inputs:>12,}{result.cpu_s:>10.0f}{result.slowest_s * 1000:>12.1f}"
            f"{result.grown_mb:>10.0f}{len(result.faults):>8}",
            flush=True,
        )
        for data, problem in result.faults.items():
            print(f"  {keep(name, data)}: {problem}", flush=True)
    print(f"{total:,} inputs with seed {chosen.seed!r}, {failed} faults")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
