"""What all kits share: a loop for each clause, virtual or real, capabilities, expected failures."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Final, TypeVar

from offhook.errors import ConfigError
from offhook.plugin.isolation import cancel_and_wait
from offhook.testing.conformance.clause import CONTRACT, ClauseFailed, FailsAsExpected, NotClaimed
from offhook.testing.conformance.expected import read_expected
from offhook.testing.conformance.turns import LOOK_S, Turns
from offhook.testing.virtual_time import VirtualLoop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from offhook.testing.conformance.clause import Clause

_E = TypeVar("_E", bound=BaseException)
_T = TypeVar("_T")

#: How often the kit looks at most whether a call of a plugin has ended.
_MOST_LOOKS: Final = 100


class Conformance:
    """The base of all kits. pytest collects a subclass of a kit whose name begins with ``Test``.

    Attributes:
        kind: the kind of plugin that it tests.
        capabilities: the optional features of that kind of plugin, each with its meaning.
        contract: the version of the contract that a subclass was written for; a kit for another version raises, so
            that an upgrade of offhook which changes the contract is noticed.
        not_claimed: capabilities that the plugin does not claim, each with the reason.
        expected_failures: clauses that are known to fail, by id with the reason; or the file that lists them.
        virtual_time: whether clauses run on virtual time; False for plugins with real sockets or threads.
        patience_s: the time limit for something that must happen.
        clause_timeout_s: the time limit of one clause.
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
        """Make the plugin and nothing else, so that a wrong name or argument is reported once."""

    def prepare(self) -> None:
        """Runs before a clause, while no loop runs. It may set attributes that the choice of the loop depends on."""

    def tidy(self) -> None:
        """Runs after a clause, whether it passed or failed."""

    # ---- what clauses use

    def claims(self, capability: str) -> bool:
        """Whether a capability is claimed."""
        return capability not in self.not_claimed

    async def until(self, true: Callable[[], object], what: str, within_s: float | None = None) -> None:
        """Wait until `true()` holds.

        Args:
            true: the condition.
            what: describes the condition in the message of a failure.
            within_s: the time limit; `patience_s` by default.

        Raises:
            AssertionError: it does not hold within the limit.
        """
        within_s = self.patience_s if within_s is None else within_s
        loop, turns = asyncio.get_running_loop(), Turns()
        end_s = loop.time() + within_s
        while not true():
            assert loop.time() < end_s, turns.too_late(what, within_s)
            await asyncio.sleep(LOOK_S)
            turns.turn()

    async def bounded(self, work: Awaitable[_T], what: str, within_s: float | None = None) -> _T:
        """Wait for something that must end by itself, even if it cannot be cancelled, and return its result.

        Args:
            work: the awaitable.
            what: describes the end of `work` in the message of a failure.
            within_s: the time limit; `patience_s` by default.

        Raises:
            AssertionError: it did not end within the limit.
        """
        within_s = self.patience_s if within_s is None else within_s
        task = asyncio.ensure_future(work)
        look_s = max(LOOK_S, within_s / _MOST_LOOKS)
        loop, turns = asyncio.get_running_loop(), Turns(look_s)
        end_s = loop.time() + within_s
        while not task.done() and loop.time() < end_s:
            await asyncio.wait({task}, timeout=min(look_s, end_s - loop.time()))
            turns.turn()
        if not task.done():
            task.cancel()
            raise AssertionError(turns.too_late(what, within_s))
        return await task

    async def raises(self, kind: type[_E], work: Awaitable[object], otherwise: str) -> _E:
        """Wait for something that must raise, and return the error.

        Args:
            kind: the class of the error; other errors propagate.
            work: the awaitable.
            otherwise: the message of the failure if nothing is raised.

        Raises:
            AssertionError: nothing was raised.
        """
        try:
            await work
        except kind as error:
            return error
        raise AssertionError(otherwise)

    def block_loop(self, seconds: float) -> None:
        """Block the event loop for `seconds`, as long computations do."""
        loop = asyncio.get_running_loop()
        if isinstance(loop, VirtualLoop):
            loop.block(seconds)
        else:
            threading.Event().wait(seconds)

    # ---- running

    def run_clause(self, clause: Clause, check: Callable[[], Awaitable[None]]) -> None:
        """Run the test of a clause on a loop of its own.

        Raises:
            ClauseFailed: the clause does not hold, or holds although a failure is expected.
            NotClaimed, FailsAsExpected: the clause was skipped, or failed as expected.
            ConfigError: the kit is set up wrongly.
        """
        if self.contract != CONTRACT:
            raise ConfigError(
                f"this kit was written for version {self.contract} of the contract and offhook has version {CONTRACT}: "
                f"read `offhook docs conformance` for what changed, then set contract = {CONTRACT} in your class"
            )
        environment = dict(os.environ)
        try:
            self.prepare()
            self._run_prepared(clause, check)
        finally:
            self.tidy()
            _restore(environment)

    def run_try_out(self) -> None:
        """Run `try_out` on a loop, as a clause is run.

        Raises:
            Exception: whatever `try_out` raises.
        """
        try:
            self.prepare()
            run_on_loop(self.try_out, self.clause_timeout_s, virtual=self.virtual_time)
        finally:
            self.tidy()

    def _run_prepared(self, clause: Clause, check: Callable[[], Awaitable[None]]) -> None:
        unknown = sorted(self.not_claimed.keys() - self.capabilities.keys())
        if unknown:
            raise ConfigError(
                f"not_claimed names {', '.join(unknown)}, but the capabilities of a {self.kind} are: "
                f"{', '.join(self.capabilities) or 'none'}"
            )
        if clause.capability in self.not_claimed:
            raise NotClaimed(f"{clause.id}: {clause.capability} is not claimed: {self.not_claimed[clause.capability]}")
        expected = self._expected().get(clause.id)
        try:
            run_on_loop(check, self.clause_timeout_s, virtual=self.virtual_time)
        except NotClaimed as error:
            # Test runners show nothing but this text.
            raise NotClaimed(f"{clause.id}: {error}") from error
        except (Exception, asyncio.CancelledError) as error:
            self._failed(clause, expected, error)
        else:
            if expected is not None:
                problem = f"the clause passed, but it is listed as an expected failure ({expected}): remove it there"
                raise ClauseFailed(clause, problem)

    def _failed(self, clause: Clause, expected: str | None, error: BaseException) -> None:
        problem = str(error) if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"
        if expected is not None:
            raise FailsAsExpected(f"{clause.id} fails, as expected: {expected}") from error
        if clause.capability:
            capability = f"{clause.capability!r} (not_claimed, --not-claimed)"
            problem += f"\n  if the plugin is not meant to do this, do not claim {capability}"
        raise ClauseFailed(clause, problem) from error

    def _expected(self) -> Mapping[str, str]:
        known = self.expected_failures
        return read_expected(known) if isinstance(known, Path) else known


def _restore(environment: Mapping[str, str]) -> None:
    """Undo what a plugin changed in the environment of the process, so that no other clause sees it."""
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]
    os.environ.update(environment.items() - os.environ.items())


def run_on_loop(check: Callable[[], Awaitable[None]], timeout_s: float, *, virtual: bool) -> None:
    """Run a coroutine function on a new loop.

    Tasks that a plugin left on the loop are cancelled silently; other clauses check that a plugin leaves none.
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
    """Run the check in a task of its own, so that a plugin that ignores its cancellation cannot hold up the kit."""
    work = asyncio.ensure_future(check())
    await asyncio.wait({work}, timeout=timeout_s)
    if not work.done():
        await cancel_and_wait({work})
        raise AssertionError(f"the clause did not end within {timeout_s:g} s")
    work.result()


async def _tidy_up() -> None:
    await cancel_and_wait(task for task in asyncio.all_tasks() if task is not asyncio.current_task())
