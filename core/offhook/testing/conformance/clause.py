"""Clauses: what a plugin of one kind must do, each with a test of its own.

A kit is a class whose methods are marked with `clause`. pytest collects them like any test methods, and
`offhook.testing.conformance.run_kit` runs them without a test runner.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TypeVar, cast
from unittest import SkipTest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

#: The version of the contract; it grows when a clause is added, changed in meaning or removed.
CONTRACT: Final = 2

_ATTRIBUTE: Final = "offhook_clause"


@dataclass(frozen=True, slots=True)
class Clause:
    """One clause.

    Attributes:
        id: the kind and a number that stays the same in every version of the contract: ``transport-3``.
        text: what must hold.
        capability: the capability that the clause tests; the clause is skipped for plugins that do not claim it.
            Empty if the clause is for all plugins.
    """

    id: str
    text: str
    capability: str = ""

    @property
    def number(self) -> int:
        """The number in `id`."""
        return int(self.id.rpartition("-")[2])

    def __str__(self) -> str:
        return f"{self.id}: {self.text}"


class ClauseFailed(AssertionError):
    """A clause does not hold for a plugin. Its cause is the original error."""

    def __init__(self, clause: Clause, problem: str) -> None:
        super().__init__(f"{clause}\n  {problem}")
        self.clause = clause
        self.problem = problem


class NotClaimed(SkipTest):
    """The plugin, or the far end that it is tested with, does not claim the capability that a clause tests."""


class FailsAsExpected(SkipTest):
    """A clause failed, and it is listed as an expected failure."""


class _Runs(Protocol):
    def run_clause(self, clause: Clause, check: Callable[[], Awaitable[None]]) -> None: ...


_K = TypeVar("_K", bound=_Runs)


def clause(
    id: str,
    text: str,
    *,
    capability: str = "",
) -> Callable[[Callable[[_K], Awaitable[None]]], Callable[[_K], None]]:
    """Mark a coroutine method of a kit as the test of a clause, and turn it into a plain method that runs the test.

    Args:
        id: see `Clause`.
        text: see `Clause`.
        capability: see `Clause`.
    """
    declared = Clause(id, text, capability)

    def decorate(check: Callable[[_K], Awaitable[None]]) -> Callable[[_K], None]:
        @functools.wraps(check)
        def run(kit: _K) -> None:
            kit.run_clause(declared, functools.partial(check, kit))

        # `wraps` sets __wrapped__ for the signature; with it, pytest would take the method for a coroutine function.
        del run.__wrapped__
        setattr(run, _ATTRIBUTE, declared)
        return run

    return decorate


def tests_of(kit: type[object]) -> list[tuple[Clause, str]]:
    """Return the clauses of a kit in the order of their numbers, each with the name of its method."""
    found = [
        (cast("Clause", getattr(getattr(kit, name), _ATTRIBUTE)), name)
        for name in dir(kit)
        if hasattr(getattr(kit, name), _ATTRIBUTE)
    ]
    return sorted(found, key=lambda item: item[0].number)
