"""The handle of one test: its tenant, the callees it writes, the applications it starts, and its time.

The same body works in real and in virtual time. Each method that blocks has a twin for coroutines, whose name begins
with ``a``: `finished` and `afinished`, `sleep` and `asleep`.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from offhook.arguments import check_path, check_seconds, corrects_arguments, discard
from offhook.call import Phone
from offhook.errors import CallStateError, ConfigError
from offhook.interfaces import e164
from offhook.paths import expanded
from offhook.wording import no_attribute
from offhook_mockserver.callees.specs import check_spec
from offhook_mockserver.callees.summaries import DEFAULT_NUMBER
from offhook_mockserver.callees.toml import scripts_of
from offhook_mockserver.testkit.applications import check_application
from offhook_mockserver.testkit.bridge import VirtualBridge, refuse_in_a_loop
from offhook_mockserver.testkit.callee import CalleeHandle
from offhook_mockserver.testkit.calls import CallList
from offhook_mockserver.testkit.clock import ClockHandle
from offhook_mockserver.testkit.journal import JournalHandle
from offhook_mockserver.testkit.process_environment import ONLY_LOOPBACK_VARIABLE, is_only_loopback
from offhook_mockserver.testkit.webhooks import WebhooksHandle

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Coroutine, Sequence, Set
    from typing import Unpack

    from offhook.call import PhoneSettings
    from offhook.interfaces import Document, Grant
    from offhook.plugin import Plugins
    from offhook_mockserver.server.mock import Mock
    from offhook_mockserver.tenants.entry import Entry, Json
    from offhook_mockserver.tenants.faults import Faults
    from offhook_mockserver.tenants.settings import TenantSettings
    from offhook_mockserver.tenants.tenant import Tenant
    from offhook_mockserver.testkit.allowances import Leftover
    from offhook_mockserver.testkit.bridge import Bridge
    from offhook_mockserver.testkit.calls import CallHandle
    from offhook_mockserver.testkit.journal import Search
    from offhook_mockserver.testkit.lag import LagProbe
    from offhook_mockserver.testkit.options import MockOptions
    from offhook_mockserver.testkit.scene import Scene
    from offhook_mockserver.testkit.started import Started
    from offhook_mockserver.testkit.verdicts import VerdictNotes
    from offhook_mockserver.testkit.virtual_guard import VirtualGuard


_T = TypeVar("_T")

#: The limit of `MockHandle.ending_s` in real time.
_MOST_REAL_ENDING_S: Final = 5.0
#: pytest shows the line of the test, and none of ours.
__tracebackhide__ = True


@corrects_arguments()
class MockHandle:
    """A mock for one test; the fixture `offhook_mock` and the context manager `mock` make it.

    Attributes:
        tenant: the key pair of the test and everything that belongs to it.
        bridge: reaches the loop of the mock.
        options: what the test-suite chose.
        seed: what its ids, keys, tokens and losses are drawn from.
        callees: the callees that the test asked for, in order.
        verdicts: the answers that questions about audio got.
        guard: what refuses foreign work in virtual time; None in real time.
        lag: measures how long the mock's loop stood still; None in virtual time.
    """

    def __init__(
        self,
        mock: Mock,
        scene: Scene,
        *,
        seed: int,
        guard: VirtualGuard | None = None,
        lag: LagProbe | None = None,
    ) -> None:
        self._mock = mock
        self._scene = scene
        self._calls = CallList(scene)
        self.tenant: Tenant = scene.tenant
        self.bridge: Bridge = scene.bridge
        self.options: MockOptions = scene.options
        self.verdicts: VerdictNotes = scene.verdicts
        self.seed: int = seed
        self.guard: VirtualGuard | None = guard
        self.lag: LagProbe | None = lag
        self.callees: list[CalleeHandle] = []
        scene.tenant.faults.on_loop = scene.bridge.call

    def __repr__(self) -> str:
        return f"<MockHandle {self.url}, {'virtual' if self.virtual else 'real'} time, seed {self.seed}>"

    if not TYPE_CHECKING:  # so that type checkers still report a wrong name

        def __getattr__(self, name: str) -> object:
            raise no_attribute(self, name)

    # What an application needs

    @property
    def virtual(self) -> bool:
        """Whether the test runs in virtual time."""
        return self.bridge.virtual

    @property
    def url(self) -> str:
        """The base URL of the mock."""
        return self._mock.url

    @property
    def port(self) -> int:
        """The port of the mock; in virtual time nothing listens there."""
        return self._mock.port

    @property
    def key_id(self) -> str:
        """The key id of the test's own key pair."""
        return self.tenant.api_key.reveal()

    @property
    def secret_key(self) -> str:
        """The secret key of the test's own key pair."""
        return self.tenant.api_secret.reveal()

    @property
    def line(self) -> str:
        """The number that the application calls from."""
        return self.tenant.lines[0]

    @property
    def settings(self) -> TenantSettings:
        """How calls behave where Sendblue's documentation does not say it. They may be changed at any time."""
        return self.tenant.settings

    @property
    def environment(self) -> dict[str, str]:
        """The settings that an application needs to call through the mock, as environment variables.

        The fixture sets them in this process. A program in another process receives them with
        ``env={**os.environ, **offhook_mock.environment}``.
        """
        guarded = {ONLY_LOOPBACK_VARIABLE: "1"} if is_only_loopback() else {}
        return {
            **self._mock.environment_of(self.tenant),
            **guarded,  # for programs that receive this environment and nothing else
            # A failed test shows what the phones wrote down, and nothing is left in the data folder of the user.
            "OFFHOOK_STORE": self._scene.callers.setting,
            **self.options.environment,
        }

    def phone(self, **settings: Unpack[PhoneSettings]) -> Phone:
        """A phone that calls through the mock.

        Args:
            settings: the arguments of `Phone`, except the environment.

        Raises:
            OffhookError: what `Phone` raises.
        """
        return Phone.from_env(self.environment, **settings)

    def renew(self, channel: str) -> Grant:
        """A fresh grant for a live call, as an application's own backend returns it; see `RenewsGrants`.

        Raises:
            RoomError: the channel has no live call.
            ConfigError: `channel` is not text.
        """
        return self.on_loop(lambda: self._mock.renew(channel))

    # Callees and calls

    def callee(self, number: str = DEFAULT_NUMBER) -> CalleeHandle:
        """The callee at a number. Its methods write what it does, and answer what it heard.

        Without any step it does what the table of numbers says (`offhook mock numbers`). Asked again for the same
        number, the same callee is returned.

        Raises:
            NumberRejected: `number` is not E.164.
        """
        number = e164(number, "number")
        for known in self.callees:
            if known.number == number:
                return known
        callee = CalleeHandle(self._scene, self._calls, number)
        self.callees.append(callee)
        return callee

    def load(self, path: str | os.PathLike[str]) -> dict[str, CalleeHandle]:
        """The callees of a TOML file, by their numbers; each is as strict as one that verbs have written.

        Args:
            path: the file; a relative one is looked for in the folder of the test, and then in the current folder.

        Raises:
            ScriptError: the file cannot be read, or something in it is wrong; the message holds the line.
        """
        file = expanded(check_path(path, "path", "callees.toml"))
        beside = Path(self._scene.folder or "", file)
        scripts = scripts_of(beside if beside.exists() else file, lambda spec: check_spec(self.plugins, spec))
        return {number: self.callee(number).follows(script) for number, script in scripts.items()}

    @property
    def calls(self) -> tuple[CallHandle, ...]:
        """Every call of the test that has rung, in order, those that have ended included."""
        return self.on_loop(self._calls.to)

    # Time

    def sleep(self, seconds: float) -> None:
        """Let time pass: virtual time in virtual time, in which the application runs meanwhile.

        Raises:
            ConfigError: `seconds` is not a number of seconds.
            CallStateError: an event loop runs on this thread; use `asleep`.
        """
        check_seconds(seconds, "seconds", zero=True)
        self.bridge.wait("offhook_mock.sleep", lambda: asyncio.sleep(seconds))

    async def asleep(self, seconds: float) -> None:
        """As `sleep`, for coroutines."""
        check_seconds(seconds, "seconds", zero=True)
        await self.bridge.awaited(lambda: asyncio.sleep(seconds))

    @property
    def clock(self) -> ClockHandle:
        """The clock of the test's tenant, which a test can move: tokens and time limits follow it."""
        return ClockHandle(self._scene)

    # Applications

    def start(self, coroutine: Coroutine[object, object, _T]) -> Started[_T]:
        """Start an asyncio application, which runs beside the test until it ends, or until the test does.

        In virtual time it runs on the test's loop, in real time on a loop of its own, in another thread.

        Raises:
            ConfigError: it is not a coroutine.
        """
        return self._scene.applications.start(coroutine)

    def run(self, coroutine: Coroutine[object, object, _T], timeout_s: float | None = 60.0) -> _T:
        """Run an asyncio application to its end, and return what it returns.

        Args:
            coroutine: the application.
            timeout_s: how long it may take, in seconds; None for no limit.

        Raises:
            WaitTimeout: it did not end in time. It was cancelled.
            CallStateError: an event loop runs on this thread; use `arun`.
            ConfigError: an argument is of the wrong type; the application was not started.
            BaseException: what the application raises.
        """
        _check_limit(timeout_s, coroutine)
        check_application(coroutine, "run")
        try:
            refuse_in_a_loop("offhook_mock.run")
        except CallStateError:
            discard(coroutine)
            raise
        started = self.start(coroutine)
        try:
            return started.result(timeout_s)
        finally:
            started.cancel()

    async def arun(self, coroutine: Coroutine[object, object, _T], timeout_s: float | None = 60.0) -> _T:
        """As `run`, for coroutines."""
        _check_limit(timeout_s, coroutine)
        check_application(coroutine, "arun")
        started = self.start(coroutine)
        try:
            return await started.aresult(timeout_s)
        finally:
            started.cancel()

    # Faults and the journal

    @property
    def faults(self) -> Faults:
        """The faults of the test's tenant: ``with offhook_mock.faults.lost_answer(): ...``."""
        return self.tenant.faults

    @property
    def journal(self) -> JournalHandle:
        """What the mock has seen of this test."""
        return JournalHandle(self._scene)

    @property
    def webhooks(self) -> WebhooksHandle:
        """The webhooks of this test: registered, delivered, waited for."""
        return WebhooksHandle(self._scene)

    def wait_for(self, timeout_s: float | None = None, *, count: int = 1, **search: Unpack[Search]) -> Entry:
        """Wait until the journal has an entry; see `JournalHandle.wait_for`."""
        return self.journal.wait_for(timeout_s, count=count, **search)

    async def await_for(self, timeout_s: float | None = None, *, count: int = 1, **search: Unpack[Search]) -> Entry:
        """As `wait_for`, for coroutines."""
        return await self.journal.await_for(timeout_s, count=count, **search)

    def caller_records(self) -> Sequence[Document]:
        """What the application's phones wrote down: the records of their calls, each with its timeline.

        Raises:
            OffhookError: they cannot be read.
        """
        return self._scene.callers.read()

    def export(self) -> dict[str, Json]:
        """The state of the test's tenant as an object of JSON, without its keys; see `Tenant.export`."""
        return self.on_loop(lambda: self.tenant.export(folder=self._scene.folder))

    # For the other parts of the kit

    def on_loop(self, work: Callable[[], _T]) -> _T:
        """Run a plain function on the mock's loop, and return what it returns."""
        return self.bridge.call(work)

    @property
    def runner(self) -> asyncio.Runner | None:
        """What runs the test's virtual loop; None in real time."""
        return self.bridge.runner if isinstance(self.bridge, VirtualBridge) else None

    @property
    def allowed(self) -> Set[str]:
        """What the test may leave behind, by the names of its marker."""
        return self._scene.allowed

    @property
    def plugins(self) -> Plugins:
        """What opens audio files and specs for this test."""
        return self._scene.plugins

    @property
    def started(self) -> Sequence[Started[object]]:
        """The applications that the test started, in order."""
        return self._scene.applications.started

    def failed_applications(self) -> Sequence[Started[object]]:
        """The started applications that raised an error for which the test did not ask."""
        return self._scene.applications.failed()

    def finish_applications(self, *, beside_calls: bool = False) -> None:
        """Let the started applications run to their ends, or until one raises; bounded by `MockOptions.ending_s`.

        Args:
            beside_calls: whether they may go on while calls are up.
        """

        def settled() -> bool:
            return self._scene.applications.settled() or (beside_calls and bool(self.tenant.calls))

        async def until_settled() -> None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.ending_s):
                    await self._scene.changes.until(settled)

        if not settled():
            self.bridge.wait("offhook_mock.finish_applications", until_settled)

    @property
    def ending_s(self) -> float:
        """How long the started applications may take to end after the test, in seconds."""
        return self.options.ending_s if self.virtual else min(self.options.ending_s, _MOST_REAL_ENDING_S)

    def leftover_tasks(self) -> Sequence[asyncio.Task[object]]:
        """End the applications, and return the tasks that they have left on their loop."""
        self._scene.applications.end()
        return self._scene.applications.leftover_tasks()

    def unretrieved(self) -> Sequence[Leftover]:
        """The exceptions on the loop of the applications that nothing retrieved."""
        return self._scene.applications.unretrieved.leftovers()

    def hang_up_all(self) -> None:
        """End every live call of the test, on the mock's side."""
        self.bridge.wait("offhook_mock.hang_up_all", lambda: self._mock.tenants.end_calls(self.tenant))

    def close(self) -> None:
        """End the applications and the calls, and forget the tenant. Idempotent and bounded."""
        self._scene.applications.close()
        try:
            self.bridge.wait("offhook_mock.close", lambda: self._mock.tenants.remove(self.tenant))
        finally:
            self._scene.callers.close()


def _check_limit(timeout_s: object, coroutine: object) -> None:
    """Check a limit before the application starts, which is then not awaited."""
    try:
        if timeout_s is not None:
            check_seconds(timeout_s, "timeout_s", zero=True)
    except ConfigError:
        discard(coroutine)
        raise
