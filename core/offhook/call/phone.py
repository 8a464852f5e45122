"""The phone: a carrier, a transport and the plugins, assembled once and used for many calls."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from typing import TYPE_CHECKING, Final, TypedDict

from offhook.arguments import check_instance
from offhook.call.admission import CALL_LIMIT, Admission, MemoryGuard, check_call_limit, check_redial_window
from offhook.call.call import Call
from offhook.call.driver import Driver
from offhook.call.in_process import service_at
from offhook.call.load_policy import LoadPolicy, check_load_policy
from offhook.call.parts import Affinity, PhoneParts
from offhook.call.reports import Reports
from offhook.call.watchdog import LIMIT_S, Watchdog
from offhook.errors import CallStateError, ConfigError, OffhookError
from offhook.interfaces import Auth, Carrier, CarrierReport, DialGuard, Transport
from offhook.interfaces.clock import SystemClock
from offhook.interfaces.dialing import DialRequest
from offhook.interfaces.environment import Environment, unread
from offhook.interfaces.grant import is_loopback
from offhook.interfaces.numbers import mask_all
from offhook.media.stereo_recorder import StereoRecorder
from offhook.plugin.isolation import close_isolated, contract_error
from offhook.plugin.manager import Plugins
from offhook.plugin.part_checks import check_part, interface_mismatch
from offhook.plugin.spec import check_file, named_by
from offhook.records.stores import AUTO, NO_STORE, STORE_VARIABLE, check_stores, interrupted, open_stores, usual_store
from offhook.session.policy import CallPolicy, check_policy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import TracebackType
    from typing import NoReturn, Self, Unpack

    import httpx

    from offhook.call.load_figures import PhoneLoad
    from offhook.interfaces import AudioSink, AudioSource, Store
    from offhook.interfaces.clock import Clock
    from offhook.interfaces.ids import Ids
    from offhook.interfaces.store import Document


_log: Final = logging.getLogger("offhook")

CARRIER: Final = "sendblue"
AUTH: Final = "env"
#: The transport to Agora itself.
AGORA: Final = "agora"
#: Names the carrier; `sendblue` without it.
CARRIER_VARIABLE: Final = "OFFHOOK_CARRIER"
#: Names the auth; `env` without it.
AUTH_VARIABLE: Final = "OFFHOOK_AUTH"
#: Names the transport; without it, `aiortc` where the endpoint is this machine, `agora` everywhere else.
TRANSPORT_VARIABLE: Final = "OFFHOOK_TRANSPORT"


#: The settings that decide where calls are joined.
_ROUTE: Final = ("SENDBLUE_API_BASE_URL", "OFFHOOK_RELAY_URL", CARRIER_VARIABLE, TRANSPORT_VARIABLE)


class PhoneSettings(TypedDict, total=False):
    """The arguments of `Phone` except the environment; `Phone` describes them."""

    carrier: Carrier | str | None
    auth: Auth | str | None
    transport: Transport | str | None
    policy: CallPolicy | None
    plugins: Iterable[object] | Plugins
    store: Store | str | os.PathLike[str] | Sequence[Store | str | os.PathLike[str]] | None
    call_limit: int
    load_policy: LoadPolicy | None
    redial_window_s: float | None
    watchdog_limit_s: float | None
    clock: Clock | None
    ids: Ids | None
    http: httpx.AsyncBaseTransport | None


class Phone:
    """Places calls.

    Several phones can live in one process and share nothing. A phone may be made before an event loop runs. Methods
    that are called from another thread or event loop than the phone's raise `CallStateError` before they do anything.

    Args:
        carrier: rings the callee: a `Carrier`, or the name of an installed one; `sendblue` by default.
        auth: proves to a carrier given by name who we are: an `Auth`, or the name of an installed one; `env` by
            default.
        transport: our way into the channel: a `Transport`, or the name of an installed one. By default `aiortc` for a
            relay on this machine and `agora` for Agora itself.
        policy: timers and the answer policy of every call, unless a call brings its own.
        plugins: modules or objects with hooks, beside the installed ones.
        store: keeps journals and records: a `Store`, a spec, the path of an SQLite database (`pathlib.Path`), or
            several, each of which keeps everything; None keeps nothing. ``auto``, the default, uses the store that
            `OFFHOOK_STORE` in `environment` names (a spec, or ``none``). If that is not set, it uses ``sqlite`` for a
            carrier given by name, and no store for a carrier object, which may be a test double: pass
            ``store="sqlite"`` if that carrier rings people.
        environment: settings for the parts that are given by name; none by default.
        call_limit: how many calls may be up at once; a further one is refused before anything rings.
        load_policy: when a call waits, and when it is refused, because the event loop is too loaded for the audio of
            one more; ``LoadPolicy()`` by default. Under a clock other than the machine's, nothing is measured and no
            call waits unless this is given.
        redial_window_s: how long after a call the phone refuses to dial its callee again: 30 s by default, and 0 if
            the endpoint is this machine. `dial(..., redial=True)` dials anyway.
        watchdog_limit_s: how long the event loop may be blocked before the code that blocks it is named, in the log and
            in the calls' records; None for no watchdog. Under a clock other than the machine's there is no watchdog.
        clock: the time; the machine's own by default.
        ids: identifiers; random by default.
        http: an httpx transport that carriers given by name use instead of the network, for example to reach a mock in
            the same process.

    Raises:
        ConfigError: an argument is of the wrong type or out of range, or something that is named is not installed or
            lacks its settings.
        StorageError: a store cannot be opened.
        PluginError: one of `plugins` cannot be used, or the carrier, the transport or the guard is not a valid one.

    If an error is raised after the stores were opened, they are closed again, including those that were passed.
    """

    def __init__(
        self,
        *,
        carrier: Carrier | str | None = None,
        auth: Auth | str | None = None,
        transport: Transport | str | None = None,
        policy: CallPolicy | None = None,
        plugins: Iterable[object] | Plugins = (),
        store: Store | str | os.PathLike[str] | Sequence[Store | str | os.PathLike[str]] | None = AUTO,
        environment: Mapping[str, str] | None = None,
        call_limit: int = CALL_LIMIT,
        load_policy: LoadPolicy | None = None,
        redial_window_s: float | None = None,
        watchdog_limit_s: float | None = LIMIT_S,
        clock: Clock | None = None,
        ids: Ids | None = None,
        http: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        reads_environment = environment is not None
        settings = environment = Environment(environment, clock=clock, ids=ids, http=http)  # hides what may be keys
        service = service_at(settings)
        affinity = Affinity(None if service is None else service.check_loop)  # first: a wrong loop opens no store
        if service is not None:
            settings = environment = service.environment(settings, clock=clock, ids=ids, http=http)
            plugins = service.shared_plugins(settings) if plugins == () else plugins
            if transport is None and (carrier is None or isinstance(carrier, str)):
                transport = service.transport()
        self.policy: CallPolicy = CallPolicy() if policy is None else check_policy(policy)
        carrier = CARRIER if carrier is None else carrier
        auth = AUTH if auth is None else auth
        given: tuple[tuple[str, object, type], ...] = (
            ("carrier", carrier, Carrier),
            ("auth", auth, Auth),
            ("transport", "" if transport is None else transport, Transport),
        )
        for name, part, kind in given:
            if not isinstance(part, str):
                check_part(part, kind, name, f"the name of an installed {name}, or an instance of {kind.__name__}")
        check_stores(store)
        limits = (check_call_limit(call_limit), check_redial_window(redial_window_s), check_load_policy(load_policy))
        watchdog = None
        if watchdog_limit_s is not None:
            watchdog = Watchdog(watchdog_limit_s)  # made now, so that a wrong limit opens no store
        self.plugins: Plugins = plugins if isinstance(plugins, Plugins) else Plugins.load(plugins, settings)
        self.plugins.check_required(settings)
        usual = usual_store(settings) if isinstance(carrier, str) else settings.get(STORE_VARIABLE, NO_STORE)
        if isinstance(carrier, str):
            if isinstance(auth, str):
                with named_by(AUTH_VARIABLE, settings, auth):
                    auth = self.plugins.make(self.plugins.auth, auth, settings)
            with named_by(CARRIER_VARIABLE, settings, carrier):
                carrier = self.plugins.make(self.plugins.carriers, carrier, settings, auth)
        if transport is None:
            transport = "aiortc" if carrier.endpoint and is_loopback(carrier.endpoint) else AGORA
            ignored = "" if reads_environment or transport != AGORA else unread(settings, _ROUTE)
            if ignored:
                raise ConfigError(f"nothing says where this phone should call: {ignored}")
        if isinstance(transport, str):
            with named_by(TRANSPORT_VARIABLE, settings, transport):
                transport = self.plugins.make(self.plugins.transports, transport, settings)
        stores = open_stores(self.plugins, store, usual if service is None else service.usual_store(usual), settings)
        #: Records of calls that died with their process and were not reported before.
        self.interrupted: Sequence[Document] = interrupted(stores)
        try:
            guard = stores.guard or MemoryGuard()
            problem = interface_mismatch(guard, DialGuard)
            if problem:
                raise contract_error(guard, "Phone", problem, "DialGuard")
            admission = Admission(
                carrier,
                self.plugins.hooks,
                guard,
                settings.clock,
                call_limit=limits[0],
                redial_window_s=limits[1],
                load_policy=limits[2] or (LoadPolicy() if isinstance(settings.clock, SystemClock) else None),
            )
            if not isinstance(settings.clock, SystemClock):
                watchdog = None
            self._parts = PhoneParts(
                *(carrier, transport, self.plugins, stores, settings.clock, settings.ids, admission),
                reports=Reports(settings.clock),
                watchdog=watchdog,
                affinity=affinity,
            )
        except BaseException:
            stores.close()  # the earlier error is the one to raise
            raise
        #: The drivers of the calls that have not been released entirely.
        self._drivers: list[Driver] = []
        self._closed = False

    @classmethod
    def from_env(cls, environment: Mapping[str, str] | None = None, **settings: Unpack[PhoneSettings]) -> Phone:
        """A phone with the settings of the environment.

        `SENDBLUE_API_API_KEY`, `SENDBLUE_API_API_SECRET` and `SENDBLUE_API_BASE_URL` are the names that Sendblue's own
        SDK uses; `OFFHOOK_FROM_NUMBER` is your FaceTime line. `OFFHOOK_CARRIER`, `OFFHOOK_AUTH`, `OFFHOOK_TRANSPORT`
        and `OFFHOOK_RELAY_URL` select something other than the default.

        Args:
            environment: the variables; those of this process by default.
            settings: the arguments of `Phone`. One that is given and not None takes precedence over its variable.

        Raises:
            ConfigError: a setting is missing or wrong; the message names it.
        """
        environment = Environment.of_process() if environment is None else Environment(environment)
        if settings.get("carrier") is None:
            settings["carrier"] = environment.get(CARRIER_VARIABLE) or None
        if settings.get("auth") is None:
            settings["auth"] = environment.get(AUTH_VARIABLE) or None
        if settings.get("transport") is None:
            settings["transport"] = environment.get(TRANSPORT_VARIABLE) or None
        return cls(environment=environment, **settings)

    # ---- calls

    def dial(
        self,
        number: str,
        *,
        policy: CallPolicy | None = None,
        record: str | os.PathLike[str] | None = None,
        redial: bool = False,
        from_number: str | None = None,
    ) -> Call:
        """A call to `number`, to be entered with ``async with``; nothing happens before that.

        Args:
            number: E.164, for example ``+14155550123``.
            policy: instead of the phone's own.
            record: a stereo WAV file to make of the whole call, caller left, callee right; a ``*`` in its name becomes
                the first number for which no such file exists. The file is opened now, so that a file that cannot be
                written is refused before anything rings.
            redial: dial even if the callee is being called, or was a moment ago.
            from_number: the line to call from, E.164, instead of the carrier's own.

        Raises:
            NumberRejected: a number is not E.164 or is an emergency number, or the two numbers are the same.
            ConfigError: an argument is of the wrong type, or the name of the recording does not end with ``.wav``.
            StorageError: the recording cannot be made.
            CallStateError: the phone was closed, this process was forked from the phone's process, or the running event
                loop differs from the phone's loop.
        """
        policy = self.policy if policy is None else policy
        request = self._request(number, policy=policy, redial=redial, from_number=from_number)
        recorder = None
        if record is not None:
            path = check_file(record, "record", (item.name for item in self.plugins.sinks))
            recorder = StereoRecorder(path, self._parts.transport.rate_hz)
        driver = Driver(request, self._parts, recorder)
        if recorder is not None:
            # The absolute path, since the record is read elsewhere. It is set before the first save, since a call that
            # is cut short has a recording as well.
            driver.record.files["mix"] = os.fspath(recorder.path.absolute())
        self._drivers = [known for known in self._drivers if not known.settled] + [driver]
        return Call(driver, self._parts)

    async def dry_run(self, number: str, *, from_number: str | None = None) -> None:
        """Do everything that precedes the ringing, and do not ring.

        Args:
            number: as for `dial`.
            from_number: as for `dial`.

        Raises:
            OffhookError: what entering a call to `number` would raise before anything rings.
        """
        request = self._request(number, policy=self.policy, from_number=from_number, dry_run=True)
        await self._parts.check()
        await self._parts.admission.try_out(request)

    def _request(
        self, number: str, *, policy: CallPolicy, from_number: str | None, redial: bool = False, dry_run: bool = False
    ) -> DialRequest:
        """The request for a call, which checks its numbers.

        Raises:
            NumberRejected, CallStateError: see `dial`.
        """
        self._parts.must_be_ours()
        if self._closed:
            raise CallStateError("this phone was closed: make a new one")
        return DialRequest(
            self._parts.ids.call_id(),
            number,
            dry_run=dry_run,
            from_number=from_number,
            policy=policy,
            redial=redial,
        )

    def report(self, report: CarrierReport) -> bool:
        """Take what a carrier says about the end of a call, for example in a webhook. Call it on the phone's loop.

        A report can end an unanswered call as declined or busy, and an answered call as completed; the evidence in the
        timeline is `Evidence.WEBHOOK`. Of a call that has ended, for an hour and for the last 1,000 calls, a report
        amends the record, here and in the stores: it turns `no_answer` into declined or busy, and resolves a call of
        which it was not known whether it rang. `CallRecord.report` keeps it. A repeated report changes nothing, nor
        does one that contradicts what was seen, or knows less than an earlier one: webhooks arrive late, twice, in any
        order, and at every process.

        A report that names no call of this phone by its channel or id may name one by its numbers: it is then about the
        only call between them that was up at `at_s`. That is graded as assumed, and ends no call.

        Returns:
            Whether the report ended a call or changed a record. A report for a call of another process returns False.
            So does one that is faster than the carrier's answer; it is kept, see `waiting_reports`, and taken when that
            arrives.

        Raises:
            ConfigError: `report` is not a `CarrierReport`.
            CallStateError: this is not the phone's process or event loop. From another thread, use
                ``loop.call_soon_threadsafe(phone.report, report)``.
        """
        self._parts.must_be_ours(needs_loop=True)
        check_instance(report, "report", CarrierReport, "an offhook.interfaces.CarrierReport")
        return not self._closed and self._parts.reports.take(report)

    @property
    def load(self) -> PhoneLoad:
        """How loaded the phone's event loop is, and how many calls are up and wait. Read it on that loop."""
        return self._parts.admission.by_load.load

    @property
    def clock(self) -> Clock:
        """The time of the phone: the machine's, or that of the mock that it calls within a process."""
        return self._parts.clock

    @property
    def waiting_reports(self) -> tuple[CarrierReport, ...]:
        """The reports of the last hour that belong to no call of this phone so far, at most 1,000, the oldest first."""
        return self._parts.reports.waiting

    def source(self, spec: str | os.PathLike[str]) -> AudioSource:
        """Open an audio source now, for `Call.play()`, so that a mistake in it is found before anything rings.

        Args:
            spec: a spec (``wav:greeting.wav``), or the path of an audio file (``Path("greeting.wav")``).

        Raises:
            ConfigError: the spec is unknown, or what it names cannot be opened; or it is neither text nor a path.
            CallStateError: this was called from another thread or event loop than the phone's.
        """
        self._parts.must_be_ours()
        return self.plugins.source(spec)

    def sink(self, spec: str | os.PathLike[str]) -> AudioSink:
        """Open an audio sink now, for `Call.listen()` or `Call.record_for()`.

        Args:
            spec: a spec (``recorder:heard.wav``), or the path of the WAV file to make (``Path("heard.wav")``).

        Raises:
            ConfigError: the spec is unknown or has a bad argument; or it is neither text nor a path.
            StorageError: the file cannot be made.
            CallStateError: this was called from another thread or event loop than the phone's.
        """
        self._parts.must_be_ours()
        return self.plugins.sink(spec)

    def __reduce__(self) -> NoReturn:
        raise CallStateError("a Phone cannot be sent to another process: make one there, for example Phone.from_env()")

    # ---- its life

    async def __aenter__(self) -> Self:
        self._parts.must_be_ours(needs_loop=True)  # a coroutine may also run under trio
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Hang up and release everything, as `aclose` does, and log what could not be closed instead of raising it.

        An error that the body of ``async with`` raised leaves it unchanged.
        """
        try:
            problems = await self._release()
        except CallStateError as misuse:
            if error is None:
                raise
            problems = [misuse]
        _log_problems(problems)

    async def aclose(self) -> None:
        """Hang up all calls and release everything. Idempotent.

        It takes a limited time, even if everything hangs. All calls end at the same time, within their
        `release_timeout_s` plus 2.5 s, and 2.25 s more if a double-dial guard hangs. Then closing the transport and the
        carrier takes up to 5.25 s each. That is 15 s with the default policy, and 17.5 s with a guard that hangs. Tasks
        that ignore their cancellation are left behind. Only code that blocks the event loop can take longer; the
        watchdog names that code.

        Raises:
            PluginError: the transport, the carrier or a store could not be closed; the others were. Only the first
                such error is raised; the others are logged. Leaving ``async with phone`` logs all of them instead.
            CallStateError: this process was forked from the phone's process, or this was called from another thread or
                another event loop than the phone's.
        """
        problems = await self._release()
        _log_problems(problems[1:])
        if problems:
            raise problems[0]

    async def _release(self) -> list[OffhookError]:
        """Hang up and close everything; returns one error for each part that could not be closed."""
        self._parts.must_be_ours()
        self._closed = True
        drivers, self._drivers = self._drivers, []
        parts, problems = self._parts, list[OffhookError]()
        async with contextlib.AsyncExitStack() as stack:  # whatever fails on the way, everything is closed
            stack.callback(lambda: problems.extend(parts.stores.close()))
            stack.push_async_callback(_close, parts.carrier, problems)
            stack.push_async_callback(_close, parts.transport, problems)
            async with asyncio.TaskGroup() as group:
                for driver in drivers:
                    group.create_task(driver.end_quietly())
        return problems


async def _close(part: Carrier | Transport, problems: list[OffhookError]) -> None:
    try:
        await close_isolated(part)
    except OffhookError as error:
        problems.append(error)


def _log_problems(problems: Iterable[OffhookError]) -> None:
    for problem in problems:
        _log.warning("on closing a phone: %s", mask_all(problem.message))
