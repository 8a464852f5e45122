"""The phone: a carrier, a transport and the plugins, put together once and used for many calls."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from offhook.call import Call
from offhook.clock import SystemClock
from offhook.equipment import Equipment
from offhook.errors import CallStateError, ConfigError
from offhook.grant import is_loopback
from offhook.ids import Ids
from offhook.isolation import CLOSE_TIMEOUT_S, isolated
from offhook.numbers import e164
from offhook.plugins import Plugins
from offhook.policy import CallPolicy
from offhook.stereo import StereoRecorder
from offhook.stores import AUTO, NO_STORE, STORE_VARIABLE, interrupted, open_stores, usual_store

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from offhook.clock import Clock
    from offhook.interfaces import AudioSink, AudioSource, Auth, Carrier, Store, Transport
    from offhook.interfaces.store import Document

CARRIER: Final = "sendblue"
AUTH: Final = "env"
#: Names the transport; without it, `aiortc` where the endpoint is this machine, `agora` everywhere else.
TRANSPORT_VARIABLE: Final = "OFFHOOK_TRANSPORT"


class Phone:
    """Places calls. Several can live in one process and share nothing.

    Args:
        carrier: who rings the callee: a `Carrier`, or the name of an installed one.
        auth: proves to a carrier given by name who we are: an `Auth`, or the name of an installed one.
        transport: our way into the channel: a `Transport`, or the name of an installed one. By default `aiortc` for a
            relay on this machine and `agora` for Agora itself.
        policy: timers and the answer policy of every call, unless a call brings its own.
        plugins: modules or objects with hooks, beside the installed ones.
        store: keeps journals and records: a `Store`, a spec, or several, each of which gets everything; None keeps
            nothing. ``auto``, the default, is what `OFFHOOK_STORE` in `environment` names (a spec, or ``none``), else
            ``sqlite`` where the carrier is given by name. A carrier object may be a double, whose calls do not belong
            among a person's, so there ``auto`` is none: say ``store="sqlite"`` where it rings people.
        environment: settings for the parts that are given by name; none by default.
        clock: the time; the machine's own by default.
        ids: identifiers; random by default.

    Raises:
        ConfigError: something that is named is not installed, or lacks its settings.
        RecordingError: a store cannot be opened.
        PluginError: one of `plugins` cannot be used.
    """

    def __init__(
        self,
        *,
        carrier: Carrier | str = CARRIER,
        auth: Auth | str = AUTH,
        transport: Transport | str | None = None,
        policy: CallPolicy | None = None,
        plugins: Iterable[object] | Plugins = (),
        store: Store | str | Sequence[Store | str] | None = AUTO,
        environment: Mapping[str, str] | None = None,
        clock: Clock | None = None,
        ids: Ids | None = None,
    ) -> None:
        environment = environment or {}
        self.plugins = plugins if isinstance(plugins, Plugins) else Plugins.load(plugins, environment)
        self.policy = policy or CallPolicy()
        usual = usual_store(environment) if isinstance(carrier, str) else environment.get(STORE_VARIABLE, NO_STORE)
        if isinstance(carrier, str):
            if isinstance(auth, str):
                auth = self.plugins.make(self.plugins.auth, auth, environment)
            carrier = self.plugins.make(self.plugins.carriers, carrier, environment, auth)
        if transport is None:
            transport = "aiortc" if carrier.endpoint and is_loopback(carrier.endpoint) else "agora"
        if isinstance(transport, str):
            transport = self._transport(transport, carrier, environment)
        stores = open_stores(self.plugins, store, usual, environment)
        #: Records of calls that died with their process and that nobody was told of before.
        self.interrupted: Sequence[Document] = interrupted(stores)
        self._equipment = Equipment(carrier, transport, self.plugins, stores, clock or SystemClock(), ids or Ids())
        self._calls: list[Call] = []
        self._closed = False

    @classmethod
    def from_env(
        cls,
        environment: Mapping[str, str] | None = None,
        *,
        transport: str | None = None,
        policy: CallPolicy | None = None,
        plugins: Iterable[object] | Plugins = (),
        store: Store | str | Sequence[Store | str] | None = AUTO,
    ) -> Phone:
        """A phone with the settings of the environment.

        `SENDBLUE_API_API_KEY`, `SENDBLUE_API_API_SECRET` and `SENDBLUE_API_BASE_URL` are the names that Sendblue's own
        SDK uses; `OFFHOOK_FROM_NUMBER` is your FaceTime line, `OFFHOOK_TRANSPORT` and `OFFHOOK_RELAY_URL` are for those
        who want other than the default.

        Raises:
            ConfigError: a setting is missing or wrong; the message names it.
        """
        environment = os.environ if environment is None else environment
        return cls(
            transport=transport or environment.get(TRANSPORT_VARIABLE) or None,
            policy=policy,
            plugins=plugins,
            store=store,
            environment=environment,
        )

    def _transport(self, name: str, carrier: Carrier, environment: Mapping[str, str]) -> Transport:
        if name == "agora" and all(item.name != "agora" for item in self.plugins.transports):
            where = carrier.endpoint or "Agora itself"
            raise ConfigError(
                f"this call would be joined at {where}, and this version of offhook has no Agora transport yet, so "
                "nothing is dialled. To call the mock server instead, start `offhook mock` and set what it prints"
            )
        return self.plugins.make(self.plugins.transports, name, environment)

    # ---- calls

    def dial(
        self, number: str, *, policy: CallPolicy | None = None, record: str | os.PathLike[str] | None = None
    ) -> Call:
        """A call to `number`, to be entered with ``async with``; nothing happens before that.

        Args:
            number: E.164, for example ``+14155550123``.
            policy: instead of the phone's own.
            record: a stereo WAV file to make of the whole call, caller left, callee right; a ``*`` in its name becomes
                the first number that makes it new. It is opened now, so that one that cannot be written is refused
                before anything rings.

        Raises:
            NumberRejected: not an E.164 number, or an emergency number.
            RecordingError: the recording cannot be made.
            CallStateError: the phone was closed.
        """
        if self._closed:
            raise CallStateError("this phone was closed: make a new one")
        e164(number)
        recorder = None
        if record is not None:
            recorder = StereoRecorder(Path(record), self._equipment.transport.rate_hz)
        call = Call(number, self._equipment, policy or self.policy, recorder)
        if recorder is not None:
            # Whole, since the record is read elsewhere, and from the first save on: a call that is cut has one as well.
            call.record.files["mix"] = os.fspath(recorder.path.absolute())
        self._calls = [known for known in self._calls if not known.over] + [call]
        return call

    def source(self, spec: str) -> AudioSource:
        """Open an audio source now, for `Call.play()`: what is wrong with it is known before anything rings.

        Raises:
            ConfigError: the spec names nothing, or what it names cannot be opened.
        """
        return self.plugins.source(spec)

    def sink(self, spec: str) -> AudioSink:
        """Open an audio sink now, for `Call.listen()` or `Call.record_for()`.

        Raises:
            ConfigError: the spec names nothing, or what it names cannot be written.
        """
        return self.plugins.sink(spec)

    # ---- its life

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Hang up whatever is still up and let go of everything. Idempotent."""
        self._closed = True
        calls, self._calls = self._calls, []
        transport, carrier = self._equipment.transport, self._equipment.carrier
        async with contextlib.AsyncExitStack() as stack:  # whatever fails on the way, everything is let go of
            stack.callback(self._equipment.stores.close)
            stack.push_async_callback(_close, carrier)
            stack.push_async_callback(_close, transport)
            async with asyncio.TaskGroup() as group:
                for call in calls:
                    group.create_task(call.hang_up())


async def _close(part: Carrier | Transport) -> None:
    await isolated(part, "aclose", part.aclose, CLOSE_TIMEOUT_S)
