"""Running a kit without a test runner, and what came out of it: a table for people, a document for programs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from offhook.secret import redact
from offhook.testing.conformance.clause import CONTRACT, Clause, ClauseFailed, FailsAsExpected, NotClaimed, tests_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from offhook.testing.conformance.kit import Conformance


class Verdict(Enum):
    """What became of a clause."""

    #: It holds.
    PASSED = "passed"
    #: It does not hold, or holds against expectation.
    FAILED = "failed"
    #: It is about a capability that is not claimed.
    NOT_CLAIMED = "not claimed"
    #: It does not hold, and that is known.
    EXPECTED = "expected failure"


@dataclass(frozen=True, slots=True)
class Result:
    """One clause's; `detail` says why it did not pass."""

    clause: Clause
    verdict: Verdict
    detail: str = ""

    def lines(self) -> list[str]:
        """Its row of the table, and more for what did not pass."""
        row = f"{self.clause.id:<14} {self.verdict.value:<17} {self.clause.text}"
        return [row, *(f"{'':<32} {line}" for line in self.detail.splitlines())]


@dataclass(frozen=True, slots=True)
class Report:
    """What a kit found.

    Attributes:
        kind: of plugin.
        what: which plugin.
        results: in the order of the clauses.
    """

    kind: str
    what: str
    results: tuple[Result, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return not self.failed

    @property
    def failed(self) -> tuple[Result, ...]:
        """What failed."""
        return tuple(result for result in self.results if result.verdict is Verdict.FAILED)

    def count(self, verdict: Verdict) -> int:
        """How many clauses came out so."""
        return sum(result.verdict is verdict for result in self.results)

    def lines(self) -> list[str]:
        """The table, a line a clause and more for what did not pass."""
        return [*(line for result in self.results for line in result.lines()), self.summary]

    @property
    def summary(self) -> str:
        """Its last line."""
        counts = ", ".join(f"{self.count(verdict)} {verdict.value}" for verdict in Verdict)
        return f"{self.kind} {self.what}, contract {CONTRACT}: {counts}"

    def document(self) -> dict[str, object]:
        """The same as plain values."""
        return {
            "contract": CONTRACT,
            "kind": self.kind,
            "what": self.what,
            "passed": self.passed,
            "clauses": [
                {
                    "id": result.clause.id,
                    "text": result.clause.text,
                    "capability": result.clause.capability,
                    "verdict": result.verdict.value,
                    "detail": result.detail,
                }
                for result in self.results
            ],
        }


def run_kit(
    kit: type[Conformance],
    what: str = "",
    *,
    only: Iterable[str] = (),
    told: Callable[[Result], None] = lambda result: None,
) -> Report:
    """Run every clause of a kit, each on a new object of it.

    Args:
        kit: a subclass that can make the plugin.
        what: names the plugin in the report; the class's name by default.
        only: ids of clauses; all by default.
        told: is given each result as it comes.

    Raises:
        OffhookError: the kit is not used as it must be.
    """
    only = frozenset(only)
    results: list[Result] = []
    for clause, method in tests_of(kit):
        if not only or clause.id in only:
            results.append(_result(clause, getattr(kit(), method)))
            told(results[-1])
    return Report(kit.kind, what or kit.__name__, tuple(results))


def _result(clause: Clause, run: Callable[[], None]) -> Result:
    try:
        run()
    except ClauseFailed as error:
        return Result(clause, Verdict.FAILED, redact(error.problem))
    except FailsAsExpected as error:
        return Result(clause, Verdict.EXPECTED, redact(str(error)))
    except NotClaimed as error:
        return Result(clause, Verdict.NOT_CLAIMED, redact(str(error).removeprefix(f"{clause.id}: ")))
    return Result(clause, Verdict.PASSED)
