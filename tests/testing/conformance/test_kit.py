"""What all kits share: clauses, loops, capabilities, expected failures, reports."""

from __future__ import annotations

import asyncio
import contextlib
import unittest
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

import pytest

from offhook.errors import ConfigError
from offhook.testing.conformance import (
    CONTRACT,
    KITS,
    ClauseFailed,
    Conformance,
    FailsAsExpected,
    NotClaimed,
    Verdict,
    clause,
    run_kit,
)
from offhook.testing.conformance.clause import tests_of as clauses_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Kit(Conformance):
    """Something that may be wrong in several ways."""

    kind = "thing"
    capabilities = MappingProxyType({"flight": "It can fly."})
    wrong: ClassVar[frozenset[str]] = frozenset()

    @clause("thing-2", "time passes")
    async def test_time_passes(self) -> None:
        began_s = asyncio.get_running_loop().time()
        await asyncio.sleep(3_000 if "slow" in self.wrong else 600 if self.virtual_time else 0.01)
        self.block_loop(0.5 if self.virtual_time else 0.01)
        assert asyncio.get_running_loop().time() > began_s

    @clause("thing-1", "nothing is wrong")
    async def test_nothing_is_wrong(self) -> None:
        self.left = asyncio.create_task(asyncio.Event().wait())
        await self.until(lambda: "until" not in self.wrong, "it is right")
        await self.bounded(asyncio.sleep(60 if "bounded" in self.wrong else 0), "it sleeps")
        if "raises" in self.wrong:
            raise ValueError("bad thing")
        if "times out" in self.wrong:
            raise TimeoutError("its own")
        while "stubborn" in self.wrong:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
        if "hangs" in self.wrong:
            await asyncio.Event().wait()

    @clause("thing-10", "it can fly", capability="flight")
    async def test_it_flies(self) -> None:
        assert self.claims("flight")
        assert "heavy" not in self.wrong, "it fell"
        if "wings" in self.wrong:
            raise NotClaimed("no wings after all")


def kit(*wrong: str, **attributes: object) -> type[Kit]:
    return type("Made", (Kit,), {"wrong": frozenset(wrong), **attributes})


def test_a_kit_runs_without_a_test_runner() -> None:
    seen: list[str] = []
    report = run_kit(kit(), told=lambda result: seen.append(result.clause.id))
    assert [result.clause.id for result in report.results] == seen == ["thing-1", "thing-2", "thing-10"]
    assert report.passed
    assert report.lines()[-1] == (
        f"thing Made, contract {CONTRACT}: 3 passed, 0 failed, 0 not claimed, 0 expected failure"
    )
    assert run_kit(kit(), "acme", only=["thing-2"]).document() == {
        "contract": CONTRACT,
        "kind": "thing",
        "what": "acme",
        "passed": True,
        "clauses": [
            {"id": "thing-2", "text": "time passes", "capability": "", "verdict": "passed", "detail": ""},
        ],
    }


def test_pytest_and_unittest_see_plain_methods() -> None:
    assert [method for _, method in clauses_of(Kit)] == ["test_nothing_is_wrong", "test_time_passes", "test_it_flies"]
    assert not asyncio.iscoroutinefunction(Kit.test_it_flies)
    assert Kit().test_it_flies() is None
    assert issubclass(NotClaimed, unittest.SkipTest), "so every runner shows it as skipped"


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ("until", "did not happen within 5 s: it is right"),
        ("bounded", "did not happen within 5 s: it sleeps"),
        ("raises", "ValueError: bad thing"),
        ("times out", "TimeoutError: its own"),
        ("hangs", "the clause did not end within 1000 s"),
        ("stubborn", "the clause did not end within 1000 s"),
    ],
)
def test_a_failure_names_the_clause_and_the_problem(wrong: str, problem: str) -> None:
    report = run_kit(kit(wrong))
    (failed,) = report.failed
    assert failed.clause.id == "thing-1"
    assert problem in failed.detail
    assert any(problem in line for line in report.lines())
    with pytest.raises(ClauseFailed, match=r"thing-1: nothing is wrong\n  "):
        kit(wrong)().test_nothing_is_wrong()


def test_a_clause_has_a_time_limit() -> None:
    (failed,) = run_kit(kit("slow")).failed
    assert failed.detail == "the clause did not end within 1000 s"


def test_real_time() -> None:
    assert run_kit(kit(virtual_time=False)).passed


def test_capabilities_that_are_not_claimed_are_not_tested() -> None:
    report = run_kit(kit(not_claimed={"flight": "too heavy"}))
    assert [result.verdict for result in report.results] == [Verdict.PASSED, Verdict.PASSED, Verdict.NOT_CLAIMED]
    assert "too heavy" in report.results[-1].detail
    (failed,) = run_kit(kit("heavy")).failed
    assert (
        failed.detail.splitlines()[-1]
        .strip()
        .startswith("if the plugin is not meant to do this, do not claim 'flight'")
    )
    assert run_kit(kit("wings")).results[-1].detail == "no wings after all", "the row shows the id already"
    with pytest.raises(NotClaimed, match=r"^thing-10: no wings after all$"):
        kit("wings")().test_it_flies()


def test_an_unknown_capability_in_not_claimed_is_rejected() -> None:
    with pytest.raises(ConfigError, match="not_claimed names fligth, but the capabilities of a thing are: flight"):
        kit(not_claimed={"fligth": "too heavy"})().test_time_passes()


@pytest.mark.parametrize("made", KITS.values(), ids=KITS)
def test_every_kit_describes_its_capabilities(made: type[Conformance]) -> None:
    assert {clause.capability for clause, _ in clauses_of(made) if clause.capability} == made.capabilities.keys()


def test_expected_failures_do_not_count_and_must_fail(tmp_path: Path) -> None:
    known: Mapping[str, str] | Path = {"thing-1": "under repair"}
    report = run_kit(kit("raises", expected_failures=known))
    assert report.passed
    assert report.results[0].verdict is Verdict.EXPECTED
    with pytest.raises(FailsAsExpected, match="under repair"):
        kit("raises", expected_failures=known)().test_nothing_is_wrong()
    (failed,) = run_kit(kit(expected_failures=known)).failed
    assert "it is listed as an expected failure" in failed.detail
    known = tmp_path / "expected.toml"
    known.write_text(f'contract = {CONTRACT}\n[expected_failures]\nthing-1 = "under repair"\n')
    assert run_kit(kit("raises", expected_failures=known)).passed


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("contract = 99", "for version 99 of the contract"),
        ("thing-1 = [", "is not valid TOML"),
        (f"contract = {CONTRACT}\nexpected_failures = 3", "needs its reason"),
        (f'contract = {CONTRACT}\n[expected_failures]\nthing-1 = ""', "needs its reason"),
    ],
)
def test_an_unusable_file_is_rejected(text: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "expected.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=problem):
        run_kit(kit(expected_failures=path))
    path.unlink()
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        run_kit(kit(expected_failures=path))


def test_a_kit_for_another_contract_is_rejected() -> None:
    with pytest.raises(ConfigError, match="version 0 of the contract"):
        run_kit(kit(contract=0))
