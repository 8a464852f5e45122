"""The kits themselves: a plugin with one fault fails the clause about it and no other.

By default only that clause runs for each of them; `nox -s kits` passes ``--whole-kits``, which runs the others too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
BROKEN: dict[str, Mapping[type[object], str]] = {}


def _add(good: type[Conformance], broken: Mapping[str, Mapping[type[Any], str]]) -> None:
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
def test_good_plugins_pass_and_every_clause_has_a_broken_one(kit: type[Conformance]) -> None:
    report = run_kit(kit)
    assert [(str(result.clause), result.detail) for result in report.results if result.verdict != Verdict.PASSED] == []
    assert {clause.id for clause, _ in clauses_of(kit)} == {id for id in BROKEN if id.startswith(f"{kit.kind}-")}
    assert KITS[kit.kind] in kit.__mro__


@pytest.mark.filterwarnings("ignore:.* are old:DeprecationWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize(
    ("id", "plugin", "problem"),
    [
        pytest.param(id, plugin, problem, id=f"{id}-{plugin.__name__}")
        for id, plugins in BROKEN.items()
        for plugin, problem in plugins.items()
    ],
)
def test_a_broken_plugin_fails_its_clause_and_no_other(
    id: str, plugin: type[object], problem: str, whole_kits: bool
) -> None:
    kit = type("Broken", (KINDS[id.rpartition("-")[0]],), {"plugin": plugin})
    report = run_kit(kit, only=() if whole_kits else [id])
    assert [result.clause.id for result in report.failed] == [id], report.lines()
    assert problem in report.failed[0].detail
    assert report.count(Verdict.PASSED) == len(report.results) - 1
