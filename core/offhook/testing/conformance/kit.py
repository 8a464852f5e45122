"""What all kits share: a loop for each clause, virtual or real, capabilities, expected failures."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Final, TypeVar

from offhook.errors import OffhookError
from offhook.plugin.isolation import cancel_and_wait
from offhook.testing.conformance.clause import CONTRACT, ClauseFailed, FailsAsExpected, NotClaimed
from offhook.testing.conformance.expected import read_expected
from offhook.testing.virtual_time import VirtualLoop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from offhook.testing.conformance.clause import Clause

_E = TypeVar("_E", bound=BaseException)

#: How often a condition is looked at.
_LOOK_S: Final = 0.005


class Conformance:
    """The base of all kits. A subclass of a kit, whose name begins with ``Test``, is what pytest collects.

    Attributes:
        kind: which kind of plugin it is for.
        capabilities: what a plugin of that kind may not claim, each with what it means.
        contract: the version of the contract that a subclass was written for; another one is refused, so that an
            upgrade of offhook which changes the contract is noticed.
        not_claimed: capabilities that the plugin does not claim, each with the reason.
        expected_failures: clauses that are known to fail, by id with the reason; or the file that holds them.
        virtual_time: whether clauses run on virtual time; False for what has real sockets or threads.
        patience_s: how long may pass before something that must happen has happened.
        clause_timeout_s: how long one clause may take at most.
    """

    kind: ClassVar[str] = ""
    capabilities: ClassVar[Mapping[str, str]] = MappingProxyType({})
    contract: int = CONTRACT
    not_claimed: Mapping[str, str] = {}
    expected_failures: Mapping[str, str] | Path = MappingProxyType({})
    virtual_time: bool = True
    patience_s: float = 5.0
    clause_timeout_s: float = 1_000.0

    async def try_out(self) -> None:
        """Make what is tested, and nothing else: what is wrong with its name or its argument is found so, once."""

    def prepare(self) -> None:
        """Before a clause, without a loop: what decides about the loop is set here."""

    def tidy(self) -> None:
        """After a clause, whatever became of it."""

    # ---- what clauses use

    def claims(self, capability: str) -> bool:
        """Whether a capability is claimed."""
        return capability not in self.not_claimed

    async def until(self, true: Callable[[], object], what: str, within_s: float | None = None) -> None:
        """Wait until something holds.

        Raises:
            AssertionError: it does not, within `within_s`, else `patience_s`.
        """
        within_s = self.patience_s if within_s is None else within_s
        loop = asyncio.get_running_loop()
        end_s = loop.time() + within_s
        while not true():
            assert loop.time() < end_s, f"not within {within_s:g} s: {what}"
            await asyncio.sleep(_LOOK_S)

    async def bounded(self, work: Awaitable[object], what: str, within_s: float | None = None) -> None:
        """Wait for something that must end by itself, even if it does not let itself be cancelled.

        Raises:
            AssertionError: it did not end within `within_s`, else `patience_s`.
        """
        within_s = self.patience_s if within_s is None else within_s
        task = asyncio.ensure_future(work)
        await asyncio.wait({task}, timeout=within_s)
        if not task.done():
            task.cancel()
            raise AssertionError(f"not within {within_s:g} s: {what}")
        await task

    async def raises(self, kind: type[_E], work: Awaitable[object], otherwise: str) -> _E:
        """Wait for something that must raise; what it raised. `otherwise` says what is wrong when it does not."""
        try:
            await work
        except kind as error:
            return error
        raise AssertionError(otherwise)

    def block_loop(self, seconds: float) -> None:
        """Keep the event loop from turning for so long, as code that computes does."""
        loop = asyncio.get_running_loop()
        if isinstance(loop, VirtualLoop):
            loop.block(seconds)
        else:
            threading.Event().wait(seconds)

    # ---- running

    def run_clause(self, clause: Clause, check: Callable[[], Awaitable[None]]) -> None:
        """Run the test of a clause on a loop of its own.

        Raises:
            ClauseFailed: the plugin does not do what the clause says, or does so although that is not expected of it.
            NotClaimed, FailsAsExpected: there is nothing to find out.
            OffhookError: the kit is not used as it must be.
        """
        if self.contract != CONTRACT:
            raise OffhookError(
                f"this kit was written for version {self.contract} of the contract and offhook has version {CONTRACT}: "
                "read `offhook docs conformance` for what changed, then set contract in your class"
            )
        try:
            self.prepare()
            self._run_prepared(clause, check)
        finally:
            self.tidy()

    def run_try_out(self) -> None:
        """Run `try_out` as a clause is run.

        Raises:
            Exception: as `try_out` does.
        """
        try:
            self.prepare()
            run_on_loop(self.try_out, self.clause_timeout_s, virtual=self.virtual_time)
        finally:
            self.tidy()

    def _run_prepared(self, clause: Clause, check: Callable[[], Awaitable[None]]) -> None:
        unknown = sorted(self.not_claimed.keys() - self.capabilities.keys())
        if unknown:
            raise OffhookError(
                f"not_claimed names {', '.join(unknown)}, and the capabilities of a {self.kind} are "
                f"{', '.join(self.capabilities) or 'none'}"
            )
        if clause.capability in self.not_claimed:
            raise NotClaimed(f"{clause.id}: {clause.capability} is not claimed: {self.not_claimed[clause.capability]}")
        expected = self._expected().get(clause.id)
        try:
            run_on_loop(check, self.clause_timeout_s, virtual=self.virtual_time)
        except NotClaimed as error:
            # Test runners show this text alone.
            raise NotClaimed(f"{clause.id}: {error}") from error
        except (Exception, asyncio.CancelledError) as error:
            self._failed(clause, expected, error)
        else:
            if expected is not None:
                raise ClauseFailed(clause, f"it holds, and a failure is expected ({expected}): take that away")

    def _failed(self, clause: Clause, expected: str | None, error: BaseException) -> None:
        problem = str(error) if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"
        if expected is not None:
            raise FailsAsExpected(f"{clause.id} fails, as expected: {expected}") from error
        if clause.capability:
            problem += (
                f"\n  if it is not meant to do that, do not claim {clause.capability!r} (not_claimed, --not-claimed)"
            )
        raise ClauseFailed(clause, problem) from error

    def _expected(self) -> Mapping[str, str]:
        known = self.expected_failures
        return read_expected(known) if isinstance(known, Path) else known


def run_on_loop(check: Callable[[], Awaitable[None]], timeout_s: float, *, virtual: bool) -> None:
    """Run a coroutine function on a new loop.

    What a plugin left there is cancelled without a word: whether it leaves anything is a clause.
    """
    loop: asyncio.AbstractEventLoop = VirtualLoop() if virtual else asyncio.new_event_loop()
    loop.set_exception_handler(lambda _loop, _context: None)
    try:
        loop.run_until_complete(_within(check, timeout_s))
    finally:
        try:
            loop.run_until_complete(_tidy_up())
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            loop.close()


async def _within(check: Callable[[], Awaitable[None]], timeout_s: float) -> None:
    """In a task of its own, so that we can go on without a plugin that does not listen to its cancellation."""
    work = asyncio.ensure_future(check())
    await asyncio.wait({work}, timeout=timeout_s)
    if not work.done():
        await cancel_and_wait({work})
        raise AssertionError(f"not done within {timeout_s:g} s")
    work.result()


async def _tidy_up() -> None:
    await cancel_and_wait(task for task in asyncio.all_tasks() if task is not asyncio.current_task())
