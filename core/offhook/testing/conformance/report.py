"""Running a kit without a test runner, and its report: a table for people, a document for programs."""

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
    """The result of a clause."""

    #: It holds.
    PASSED = "passed"
    #: It does not hold, or holds although a failure was expected.
    FAILED = "failed"
    #: It tests a capability that is not claimed.
    NOT_CLAIMED = "not claimed"
    #: It does not hold, as expected.
    EXPECTED = "expected failure"


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one clause; `detail` says why it did not pass."""

    clause: Clause
    verdict: Verdict
    detail: str = ""

    def lines(self) -> list[str]:
        """Its row of the table, and more lines if it did not pass."""
        row = f"{self.clause.id:<14} {self.verdict.value:<17} {self.clause.text}"
        return [row, *(f"{'':<32} {line}" for line in self.detail.splitlines())]


@dataclass(frozen=True, slots=True)
class Report:
    """The report of one run of a kit.

    Attributes:
        kind: the kind of plugin.
        what: the name of the plugin.
        results: one for each clause, in the order of the clauses.
    """

    kind: str
    what: str
    results: tuple[Result, ...]

    @property
    def passed(self) -> bool:
        """Whether no clause failed."""
        return not self.failed

    @property
    def failed(self) -> tuple[Result, ...]:
        """The results of the clauses that failed."""
        return tuple(result for result in self.results if result.verdict is Verdict.FAILED)

    def count(self, verdict: Verdict) -> int:
        """The number of clauses with that verdict."""
        return sum(result.verdict is verdict for result in self.results)

    def lines(self) -> list[str]:
        """The table: one line for each clause, more for those that did not pass, and the summary."""
        return [*(line for result in self.results for line in result.lines()), self.summary]

    @property
    def summary(self) -> str:
        """The last line of the table."""
        counts = ", ".join(f"{self.count(verdict)} {verdict.value}" for verdict in Verdict)
        return f"{self.kind} {self.what}, contract {CONTRACT}: {counts}"

    def document(self) -> dict[str, object]:
        """The report as plain values."""
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
    """Run every clause of a kit, each on a new object of the kit's class.

    Args:
        kit: a subclass that can make the plugin.
        what: the name of the plugin in the report; the name of the class by default.
        only: the ids of the clauses to run; all by default.
        told: called with each result as soon as it is known.

    Raises:
        OffhookError: the kit is set up wrongly.
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
