"""Runs targets with inputs of the mutator, and judges what they do: an error, too much time, too much memory."""

from __future__ import annotations

import hashlib
import resource
import sys
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.fuzz.mutator import Mutator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fuzz.targets import Target

#: Inputs that failed once, by target. Each is a test from then on.
FOUND: Final = Path(__file__).with_name("found")
#: Processor time for one input: a hundred times what the slowest needs.
MOST_CPU_S: Final = 1.0
#: Megabytes by which the process may grow with one target.
MOST_GROWTH_MB: Final = 300


@dataclass
class Result:
    """What a target did.

    Attributes:
        inputs: how many it took.
        cpu_s: processor time of all of them, mutation included.
        slowest_s: processor time of the slowest input.
        grown_mb: by how much the process grew to its highest.
        faults: the inputs that failed, and how.
    """

    inputs: int = 0
    cpu_s: float = 0.0
    slowest_s: float = 0.0
    grown_mb: float = 0.0
    faults: dict[bytes, str] = field(default_factory=dict[bytes, str])


def fuzz(name: str, target: Target, inputs: int, seed: str) -> Result:
    """Run a target with this many inputs of this seed."""
    mutator = Mutator(f"{seed} {name}", target.corpus, text=target.text, unwrap=target.unwrap, wrap=target.wrap)
    result, high_mb = Result(), highest_mb()
    start_s = last_s = time.process_time()
    for _ in range(inputs):
        data = mutator.next()
        before_s = time.process_time()
        problem = judge(target, data)
        last_s = time.process_time()
        result.slowest_s = max(result.slowest_s, last_s - before_s)
        if last_s - before_s > MOST_CPU_S:
            problem = problem or f"took {last_s - before_s:.1f} s"
        if problem and len(result.faults) < 20:
            result.faults.setdefault(data, problem)
    result.inputs, result.cpu_s = inputs, last_s - start_s
    result.grown_mb = highest_mb() - high_mb
    if result.grown_mb > MOST_GROWTH_MB:
        result.faults.setdefault(b"", f"the process grew by {result.grown_mb:.0f} MB")
    return result


def judge(target: Target, data: bytes) -> str:
    """Run one input; returns what went wrong, or nothing."""
    ignored: list[BaseException | None] = []
    before, sys.unraisablehook = sys.unraisablehook, lambda unraisable: ignored.append(unraisable.exc_value)
    try:
        target.run(data)
    except Exception as error:
        return "".join(traceback.format_exception(error, limit=-4))
    finally:
        sys.unraisablehook = before
    return f"ignored, and printed: {ignored}" if ignored else ""


def keep(name: str, data: bytes) -> Path:
    """Keep an input that failed; returns its file."""
    folder = FOUND / name
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / hashlib.sha256(data).hexdigest()[:16]
    path.write_bytes(data)
    return path


def found() -> Iterator[tuple[str, Path]]:
    """The inputs that are kept: their target and their file."""
    for path in sorted(FOUND.glob("*/*")):
        yield path.parent.name, path


def highest_mb() -> float:
    """The most memory that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
