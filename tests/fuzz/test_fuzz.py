"""A bounded run of the fuzzer over every parser, and every input that failed once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from tests.fuzz.fuzzing import MOST_CPU_S, found, fuzz, judge
from tests.fuzz.mutator import MOST_BYTES, Mutator
from tests.fuzz.targets import Fault, Target, targets

if TYPE_CHECKING:
    from pathlib import Path

#: How many inputs each parser gets here; `nox -s fuzz` runs as many as it is given.
INPUTS = 1500


@pytest.fixture(scope="module")
def known() -> dict[str, Target]:
    return targets()


@pytest.mark.parametrize("name", sorted(targets()))
def test_samples_pass(name: str, known: dict[str, Target]) -> None:
    for sample in known[name].corpus:
        known[name].run(sample)


@pytest.mark.parametrize("name", sorted(targets()))
def test_a_bounded_run_finds_nothing(name: str, known: dict[str, Target]) -> None:
    result = fuzz(name, known[name], INPUTS if name != "reception" else INPUTS // 10, "ci")
    assert result.faults == {}


@pytest.mark.parametrize(("name", "path"), list(found()), ids=lambda value: getattr(value, "name", value))
def test_what_failed_once_passes(name: str, path: Path, known: dict[str, Target]) -> None:
    assert judge(known[name], path.read_bytes()) == ""


def test_the_seed_determines_the_inputs() -> None:
    samples = [b'{"type":"joined","uid":7}', b'{"a":[1,{"b":"c"}]}']
    one, two, other = (Mutator(seed, samples, text=True) for seed in ("a", "a", "b"))
    first = [one.next() for _ in range(500)]
    assert first == [two.next() for _ in range(500)]
    assert first != [other.next() for _ in range(500)]
    assert len(set(first)) > 400
    assert max(map(len, first)) <= MOST_BYTES


def test_no_document_grows_without_limit() -> None:
    """Only its beginning is used: the rest, gigabytes once in some hours, was memory that a parser seemed to keep."""
    sample = b'{"a":[{"b":[["xxxxxxxxxxxxxxxx"]]}],"c":"x"}'
    mutator = Mutator("a", [sample], text=True)
    assert max(len(mutator._document(sample)) for _ in range(3000)) < 20 * MOST_BYTES


def test_an_error_a_hang_and_a_leak_are_faults() -> None:
    kept: list[bytes] = []

    def wrong(data: bytes) -> None:
        if len(data) > 4:
            raise Fault("more than four bytes")

    def slow(data: bytes) -> None:
        start_s = time.process_time()
        while time.process_time() < start_s + MOST_CPU_S:
            pass

    def leak(data: bytes) -> None:
        kept.append(b"x" * 16_000_000)  # other tests of this process may have taken hundreds of megabytes

    assert "more than four bytes" in next(iter(fuzz("wrong", Target([b"1234"], wrong), 200, "t").faults.values()))
    assert "took" in next(iter(fuzz("slow", Target([b"1"], slow), 1, "t").faults.values()))
    assert "grew" in fuzz("leak", Target([b"1"], leak), 60, "t").faults[b""]
