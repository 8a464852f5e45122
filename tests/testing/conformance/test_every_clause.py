"""The kits prove themselves: a plugin with one thing wrong fails the clause that is about it, and no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.testing.conformance import (
    broken_auth,
    broken_carrier,
    broken_filter,
    broken_resampler,
    broken_sink,
    broken_source,
    broken_store,
)

from offhook.testing.conformance import KITS, Conformance, Verdict, run_kit
from offhook.testing.conformance.clause import tests_of as clauses_of

if TYPE_CHECKING:
    from collections.abc import Mapping

GOOD: list[type[Conformance]] = []
BROKEN: dict[str, tuple[type[object], ...]] = {}


def _add(good: type[Conformance], broken: Mapping[str, tuple[type[object], ...]]) -> None:
    GOOD.append(good)
    BROKEN.update(broken)


_add(broken_auth.GoodKit, broken_auth.BROKEN)
_add(broken_carrier.GoodKit, broken_carrier.BROKEN)
_add(broken_source.GoodKit, broken_source.BROKEN)
_add(broken_sink.GoodKit, broken_sink.BROKEN)
_add(broken_filter.GoodKit, broken_filter.BROKEN)
_add(broken_resampler.GoodKit, broken_resampler.BROKEN)
_add(broken_store.GoodKit, broken_store.BROKEN)
KINDS = {kit.kind: kit for kit in GOOD}


@pytest.mark.parametrize("kit", GOOD, ids=lambda kit: kit.kind)
def test_every_clause_holds_for_what_is_right_and_has_something_broken(kit: type[Conformance]) -> None:
    report = run_kit(kit)
    assert [(str(result.clause), result.detail) for result in report.results if result.verdict != Verdict.PASSED] == []
    assert {clause.id for clause, _ in clauses_of(kit)} == {id for id in BROKEN if id.startswith(f"{kit.kind}-")}
    assert KITS[kit.kind] in kit.__mro__


@pytest.mark.parametrize(
    ("id", "plugin"), [pytest.param(id, item, id=f"{id}-{item.__name__}") for id in BROKEN for item in BROKEN[id]]
)
def test_what_is_broken_fails_its_clause_and_no_other(id: str, plugin: type[object]) -> None:
    good = KINDS[id.rpartition("-")[0]]
    report = run_kit(type("Broken", (good,), {"plugin": plugin}))
    assert {result.clause.id: result.detail for result in report.failed}.keys() == {id}, report.lines()
    assert report.count(Verdict.PASSED) == len(report.results) - 1
