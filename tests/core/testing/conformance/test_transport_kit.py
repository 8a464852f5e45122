"""The kit for transports proves itself: linked legs pass, and what is broken in one respect fails one clause."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
from tests.core.testing.conformance.broken_transports import BROKEN, KeepsAThread

from offhook.testing.conformance import KITS, TransportConformance, run_kit
from offhook.testing.conformance.clause import tests_of as clauses_of
from offhook.testing.linked import LinkedTransport
from offhook.testing.linked_far_end import LinkedFarEnd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from offhook.interfaces import Transport
    from offhook.registry import Environment


class TestLinkedTransport(TransportConformance):
    """The double of every transport is held to what they are held to."""

    def make(self, environment: Environment) -> Transport:
        assert isinstance(self.far_end, LinkedFarEnd)
        return self.far_end.transport()

    def make_far_end(self) -> LinkedFarEnd:
        return LinkedFarEnd()


class Quick(TestLinkedTransport):
    """No less strict, and shorter."""

    __test__ = False
    long_audio_s = 20.0
    cycles = 5
    ending_s = 0.3
    broken: type[LinkedTransport] = LinkedTransport

    def make(self, environment: Environment) -> Transport:
        assert isinstance(self.far_end, LinkedFarEnd)
        return self.broken(far_end=self.far_end)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Handlers that raise are logged, rightly; threads that are kept are let go."""
    logger = logging.getLogger("offhook.testing.linked_leg")
    logger.disabled = True
    yield
    logger.disabled = False
    for end in KeepsAThread.ends:
        end.set()
    KeepsAThread.ends.clear()


@pytest.mark.parametrize(
    ("clause", "broken"),
    [pytest.param(clause, broken, id=broken.__name__) for clause, all_of in BROKEN.items() for broken in all_of],
)
def test_what_is_broken_in_one_respect_fails_one_clause(clause: str, broken: type[LinkedTransport]) -> None:
    report = run_kit(type("Broken", (Quick,), {"broken": broken}))
    assert {result.clause.id: result.detail for result in report.failed}.keys() == {clause}, report.lines()


def test_every_clause_has_its_proof() -> None:
    assert KITS["transport"] is TransportConformance
    assert [clause.id for clause, _ in clauses_of(TransportConformance)] == list(BROKEN)
    assert list(BROKEN) == [f"transport-{number}" for number in range(1, 27)], "numbers never change"
    assert all(BROKEN.values())
