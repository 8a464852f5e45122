"""The kit for transports: linked legs pass, and each broken transport fails its clause and no other."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import TYPE_CHECKING

import pytest
from tests.testing.conformance.broken_transports import BROKEN, BROKEN_IN_REAL_TIME, ChecksNothing, IsLate, KeepsAThread

from offhook.interfaces.frame import level_dbfs
from offhook.testing.conformance import KITS, TransportConformance, Verdict, run_kit
from offhook.testing.conformance.clause import tests_of as clauses_of
from offhook.testing.conformance.transport.clauses import CAPABILITIES
from offhook.testing.linked.far_end import LinkedFarEnd
from offhook.testing.linked.leg import LinkedLeg
from offhook.testing.linked.transport import LinkedTransport

if TYPE_CHECKING:
    from collections.abc import Iterator

    from offhook.interfaces import Leg, LegHandler, Transport
    from offhook.interfaces.environment import Environment
    from offhook.interfaces.frame import AudioFrame
    from offhook.interfaces.grant import Grant


class TestLinkedTransport(TransportConformance):
    """The double of every transport must pass what transports must pass."""

    def make(self, environment: Environment) -> Transport:
        assert isinstance(self.far_end, LinkedFarEnd)
        return self.far_end.transport()

    def make_far_end(self) -> LinkedFarEnd:
        return LinkedFarEnd()


class Quick(TestLinkedTransport):
    """As strict, with less waiting."""

    __test__ = False
    long_audio_s = 13.0
    token_life_s = 6.0
    give_up_s = 6.0
    cycles = 5
    examples = 5
    ending_s = 2.0
    broken: type[LinkedTransport] = LinkedTransport

    def make_far_end(self) -> LinkedFarEnd:
        return LinkedFarEnd(give_up_s=4.0)

    def make(self, environment: Environment) -> Transport:
        assert isinstance(self.far_end, LinkedFarEnd)
        return self.broken(far_end=self.far_end)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Silences the log of handlers that raise, and ends the threads of `KeepsAThread`."""
    logger = logging.getLogger("offhook.testing.linked.leg")
    logger.disabled = True
    yield
    logger.disabled = False
    for end in KeepsAThread.ends:
        end.set()
    KeepsAThread.ends.clear()


@pytest.mark.parametrize(
    ("clause", "broken", "problem"),
    [
        pytest.param(clause, broken, problem, id=broken.__name__)
        for clause, all_of in BROKEN.items()
        for broken, problem in all_of.items()
    ],
)
def test_a_broken_transport_fails_its_clause_and_no_other(
    clause: str, broken: type[LinkedTransport], problem: str, whole_kits: bool
) -> None:
    found_by_chance = {"examples": 20} if clause == "transport-26" else {}
    kit = type("Broken", (Quick,), {"broken": broken, **found_by_chance})
    report = run_kit(kit, only=() if whole_kits else [clause])
    assert [result.clause.id for result in report.failed] == [clause], report.lines()
    assert problem in report.failed[0].detail


class AsInRealTime(Quick):
    """Waits, and tolerates, as on real sockets."""

    rest_s = 0.4

    def either(self, virtual: float, real: float) -> float:
        return real


@pytest.mark.parametrize(
    ("broken", "clause", "problem"),
    [(broken, clause, problem) for broken, (clause, problem) in BROKEN_IN_REAL_TIME.items()],
)
def test_what_is_late_fails_a_clause_in_real_time_too(broken: type[LinkedTransport], clause: str, problem: str) -> None:
    report = run_kit(type("Late", (AsInRealTime,), {"broken": broken}), only=[clause])
    (failed,) = report.failed
    assert problem in failed.detail


class IsLateOnce(LinkedTransport):
    """One frame is late, as when the machine is busy."""

    class leg_class(LinkedLeg):
        quiet = 0
        late = False

        def hear(self, uid: int, frame: AudioFrame) -> None:
            loud = level_dbfs(frame.pcm) > -90
            if loud and self.quiet >= 8 and not self.late:
                self.late = True
                asyncio.get_running_loop().call_later(0.3, super().hear, uid, frame)
            else:
                super().hear(uid, frame)
            self.quiet = 0 if loud else self.quiet + 1


def test_a_frame_that_is_late_once_is_excused() -> None:
    assert run_kit(type("Late", (AsInRealTime,), {"broken": IsLateOnce}), only=["transport-28", "transport-29"]).passed


class IsBusyAtFirst(LinkedTransport):
    """Loses audio for ten seconds, as on a machine that is too busy."""

    class leg_class(LinkedLeg):
        heard = 0

        def hear(self, uid: int, frame: AudioFrame) -> None:
            self.heard += 1
            if self.heard > 500 or self.heard % 10:
                super().hear(uid, frame)


@pytest.mark.parametrize("clause", ["transport-9", "transport-10"])
def test_a_clause_that_takes_long_is_tried_again_in_real_time(clause: str) -> None:
    assert run_kit(type("Busy", (AsInRealTime,), {"broken": IsBusyAtFirst}), only=[clause]).passed
    assert not run_kit(type("Busy", (Quick,), {"broken": IsBusyAtFirst}), only=[clause]).passed


class Careless(LinkedFarEnd):
    """Lets every token in."""

    def verify(self, grant: Grant, uid: int) -> float:
        return 600.0


def test_a_far_end_that_lets_a_bad_token_in_is_reported_as_that() -> None:
    kit = type("Careless", (Quick,), {"make_far_end": lambda self: Careless()})
    (failed,) = run_kit(kit, only=["transport-3"]).failed
    assert failed.detail == "a token (forged) opened the channel"


def test_what_is_late_is_not_said_to_be_missing() -> None:
    (failed,) = run_kit(type("Late", (Quick,), {"broken": IsLate}), only=["transport-9"]).failed
    assert "of 500 frames to us 14 are late: the last one was heard 300 ms after it was spoken" in failed.detail


class SlowToJoin(LinkedTransport):
    """A correct transport whose join() waits."""

    async def join(self, grant: Grant, handler: LegHandler) -> Leg:
        await asyncio.sleep(0.1)
        return await super().join(grant, handler)


def test_slow_joins_are_cancelled_at_moments_in_between() -> None:
    assert run_kit(type("Slow", (Quick,), {"broken": SlowToJoin, "rest_s": 0.02})).passed


def test_endpoints_that_check_must_reject_can_be_set() -> None:
    joins_anywhere = {"broken": ChecksNothing, "elsewhere": ()}
    assert run_kit(type("Anywhere", (Quick,), joins_anywhere), only=["transport-27"]).passed


def test_a_kit_without_make_far_end_says_what_is_missing() -> None:
    with pytest.raises(NotImplementedError, match=r"must have make_far_end\(\)"):
        run_kit(TransportConformance)


def test_a_transport_can_be_tried_out() -> None:
    Quick().run_try_out()


def test_a_transport_that_cannot_be_made_fails_every_clause() -> None:
    report = run_kit(type("Unmade", (Quick,), {"make": TransportConformance.make}))
    assert len(report.failed) == len(BROKEN)
    assert all("must have make(environment)" in result.detail for result in report.failed)


def test_capabilities_that_are_not_claimed_are_left_out_of_other_clauses_too(monkeypatch: pytest.MonkeyPatch) -> None:
    report = run_kit(type("Modest", (Quick,), {"not_claimed": dict.fromkeys(CAPABILITIES, "modesty")}))
    assert report.passed
    assert report.count(Verdict.NOT_CLAIMED) == 5
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    (result,) = run_kit(Quick, only=["transport-26"]).results
    assert result.verdict is Verdict.NOT_CLAIMED
    assert "pip install offhook[testing]" in result.detail


def test_every_clause_has_a_broken_transport() -> None:
    assert KITS["transport"] is TransportConformance
    assert [clause.id for clause, _ in clauses_of(TransportConformance)] == list(BROKEN)
    assert list(BROKEN) == [f"transport-{number}" for number in range(1, 34)], "numbers never change"
    assert all(BROKEN.values())
