"""The mock, however it is reached: tenants, Sendblue's API and its guard, rooms, calls, the transport into rooms.

`MockServer` puts it behind a socket, `InProcessMock` on a test's loop. Both are also plugins: passed to a phone, they
register the transport ``memory``, which joins their rooms.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Final, Self

from offhook.arguments import check_flag, check_function, check_instance, check_path, check_text
from offhook.errors import StorageError
from offhook.interfaces import Environment, Grant, Ids
from offhook.paths import expanded, make_folder
from offhook.plugin import Plugins, hookimpl
from offhook.secret import Secret
from offhook.wording import quoted_path, system_reason
from offhook_mockserver.callees.usual import script_for
from offhook_mockserver.doors.limits import DETECT_S
from offhook_mockserver.extra import require
from offhook_mockserver.faces.control.place import is_control
from offhook_mockserver.faces.control.refusals import control_refusal
from offhook_mockserver.faces.refusals import refuse
from offhook_mockserver.rooms.room_error import RoomError
from offhook_mockserver.rooms.rooms import Rooms
from offhook_mockserver.server.entrance import Entrance
from offhook_mockserver.server.guard_notes import GuardNotes
from offhook_mockserver.server.health import answer_health, is_health
from offhook_mockserver.server.http_guard import JSON_BODY, AcceptedBody, Guard
from offhook_mockserver.server.lazy_apis import LazyApis
from offhook_mockserver.server.loopback import LOOPBACK
from offhook_mockserver.tenants.own_load import OwnLoad, check_late_limit
from offhook_mockserver.tenants.settings import check_tenant_settings
from offhook_mockserver.tenants.shown_keys import CONTROL_TOKEN
from offhook_mockserver.tenants.tenant import Tenants, check_tenant, mint_token
from offhook_mockserver.tenants.webhooks.dispatcher import Dispatcher

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

    from offhook.interfaces import Clock
    from offhook.plugin import TransportRegistry
    from offhook_mockserver.callees.script import Script
    from offhook_mockserver.doors.memory.transport import MemoryTransport
    from offhook_mockserver.faces.refusals import RequestRefused
    from offhook_mockserver.tenants.call import CallEvent
    from offhook_mockserver.tenants.calls import Calls
    from offhook_mockserver.tenants.settings import TenantBounds, TenantSettings
    from offhook_mockserver.tenants.tenant import Tenant


require("starlette")

#: Channels of all tenants together.
_MOST_CHANNELS: Final = 10_000
#: The paths of the doors begin with this.
_RELAY: Final = "/relay/"
#: The paths that are not Sendblue's begin with this.
_OURS: Final = "/mock/"


class Mock:
    """A mock of Sendblue and of the channel behind it.

    Args:
        clock: the time of tokens and events.
        ids: all randomness; with a seed, keys, channels and tokens are repeatable.
        plugins: the audio sources, sinks and resamplers; by default, the installed ones.
        tenant: how calls of its first tenant behave.
        bounds: how much its first tenant may use.
        recordings: an existing or new folder for what callees hear, as a path or text; or None.
        script_for: returns the callee's script for a number for which a tenant has none in its `scripts`; by default,
            that of the table of fictional numbers. A mistake in it is raised as `ScriptError` where the call is
            dialled, if that is in this process, and as a refusal with HTTP 422 elsewhere; nothing rings.
        on_event: called with each event of a call.
        open_to_any_keys: whether a key pair that no tenant has gets a tenant when a client shows it; 100 at most.
        webhook_hosts: where webhooks may be posted beside this machine: names, addresses, and networks such as
            ``192.168.1.0/24``. A listed name may be reached at public addresses and at listed ones.
        late_limit_ms: how late nine of ten timers of its loop may be when a call is started, in milliseconds; a call
            beyond that is refused with HTTP 429. While somebody is in fewer than 8 calls, none is refused. None for no
            limit.

    Raises:
        ConfigError: an argument is of the wrong type.

    Attributes:
        tenant: its first tenant. Its journal also notes requests that name no tenant.
        tenants: all tenants.
        rooms: the open channels.
        control_token: what programs need to control it over HTTP, see `faces/control`.
        entrance: whether a fault refuses connections.
        dispatcher: delivers the webhooks of all tenants.
        guard_notes: what its guard has refused.
        own_load: how loaded its event loop is.
        app: its whole HTTP interface as an ASGI application, guard included.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        ids: Ids | None = None,
        plugins: Plugins | None = None,
        tenant: TenantSettings | None = None,
        bounds: TenantBounds | None = None,
        recordings: str | os.PathLike[str] | None = None,
        script_for: Callable[[str], Script] = script_for,
        on_event: Callable[[CallEvent], None] = lambda event: None,
        open_to_any_keys: bool = False,
        webhook_hosts: Sequence[str] = (),
        late_limit_ms: float | None = None,
    ) -> None:
        shared = Environment(clock=clock, ids=ids)  # which checks them
        if plugins is not None:
            check_plugins(plugins)
        if tenant is not None:
            check_tenant_settings(tenant, "tenant")
        if recordings is not None:
            recordings = Path(check_path(recordings, "recordings", "recordings"))
        check_function(script_for, "script_for", ("a number",))
        check_function(on_event, "on_event", ("a CallEvent",))
        check_flag(open_to_any_keys, "open_to_any_keys")
        check_late_limit(late_limit_ms)
        self.clock: Clock = shared.clock
        self.ids: Ids = shared.ids
        # Of no seed: what is repeatable can be guessed.
        self.control_token: Secret = Secret(f"{CONTROL_TOKEN}{Ids().hex(48)}")
        self.entrance: Entrance = Entrance()
        self.rooms: Rooms = Rooms(self.clock, self.ids, limit=_MOST_CHANNELS)
        self.dispatcher: Dispatcher = Dispatcher(webhook_hosts)
        self.tenants: Tenants = Tenants(
            self.ids, self.clock, open_to_any_keys=open_to_any_keys, dispatcher=self.dispatcher
        )
        self.tenants.on_created = self._created
        self.tenants.on_removed = lambda removed: self.rooms.forget_app_id(removed.app_id)
        self.tenant: Tenant = self.tenants.create(settings=tenant, bounds=bounds)
        self.own_load: OwnLoad = OwnLoad(self.clock, late_limit_ms)
        self._recordings = None if recordings is None else expanded(recordings).absolute()
        self._given_plugins = plugins
        self._on_event = on_event
        self._script_for = script_for
        self._apis = LazyApis(
            tenants=self.tenants,
            first=self.tenant,
            calls=lambda: self.calls,
            plugins=lambda: self._plugins,
            recordings=self._recordings,
            environment_of=self.environment_of,
            control_token=self.control_token,
        )
        self.guard_notes: GuardNotes = GuardNotes(self.tenants, self.tenant, self.clock)
        self.app: ASGIApp = Guard(self._build(), self._hosts, accepted=self._accepted, refusal=self._refusal)

    @cached_property
    def _plugins(self) -> Plugins:
        return self._given_plugins or Plugins.load()

    @cached_property
    def calls(self) -> Calls:
        """Starts and owns calls."""
        from offhook_mockserver.tenants.calls import Calls  # a mock listens before it has any

        return Calls(
            self.rooms,
            self._plugins,
            recordings=self._recordings,
            on_event=self._on_event,
            script_for=self._script_for,
            own_load=self.own_load,
        )

    @property
    def calls_up(self) -> int:
        """How many calls there are now."""
        return self.calls.up if "calls" in vars(self) else 0

    @property
    def port(self) -> int:
        """The port of its URL."""
        raise NotImplementedError

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def from_number(self) -> str:
        """A line of its first tenant."""
        return self.tenant.lines[0]

    @property
    def environment(self) -> dict[str, str]:
        """The settings that a phone needs to call through this mock, with the keys of its first tenant."""
        return self.environment_of(self.tenant)

    def environment_of(self, tenant: Tenant) -> dict[str, str]:
        """The settings that a phone needs to call through this mock, with the keys of a tenant.

        With them, it stores no calls: they must not be among those of the person who runs it.

        Raises:
            ConfigError: `tenant` is not a `Tenant`.
        """
        check_tenant(tenant)
        return {
            "SENDBLUE_API_BASE_URL": self.url,
            "SENDBLUE_API_API_KEY": tenant.api_key.reveal(),
            "SENDBLUE_API_API_SECRET": tenant.api_secret.reveal(),
            "OFFHOOK_FROM_NUMBER": tenant.lines[0],
            "OFFHOOK_STORE": "none",
        }

    def renew(self, channel: str) -> Grant:
        """A grant with a fresh token for the channel of a live call.

        Raises:
            RoomError: the channel has no live call.
            ConfigError: `channel` is not text.
        """
        check_text(channel, "channel")
        for tenant in self.tenants.all():
            if call := tenant.calls.get(channel):
                expires_at_s = int(tenant.clock.wall_s()) + tenant.settings.token_life_s
                token = mint_token(tenant, call)
                return Grant(tenant.app_id, channel, Secret(token), 0, self.url, expires_at_s)
        raise RoomError(f"channel {channel} has no live call, so there is nothing to renew")

    def transport(self, *, detect_s: float = DETECT_S) -> MemoryTransport:
        """A new transport into the rooms of this mock; see `MemoryTransport`."""
        from offhook_mockserver.doors.memory.transport import MemoryTransport

        return MemoryTransport(self, detect_s=detect_s)

    @hookimpl
    def offhook_transport(self, registry: TransportRegistry) -> None:
        """Register ``memory``, which joins the rooms of this mock."""

        def memory(environment: Environment) -> MemoryTransport:
            return self.transport()

        registry.add("memory", memory, summary=f"PCM into the rooms of the mock at {self.url}, in this process")

    async def start(self) -> None:
        """Start the mock.

        Raises:
            StorageError: the folder for recordings cannot be written.
        """
        if self._recordings is not None:
            _check_folder(self._recordings)

    async def aclose(self) -> None:
        """End all calls and finish their recordings. Idempotent and bounded."""
        try:
            self._end_control()
            await self._close_calls()
            await self.dispatcher.aclose()
        finally:
            self.rooms.close_all()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def relay(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer requests below ``/relay/``."""
        from offhook_mockserver.doors.json_answer import JsonAnswer
        from offhook_wire.relay_protocol import Refusal, RefusalAnswer

        refusal = Refusal("unavailable", "this mock has no WebRTC relay: join its rooms with the transport memory")
        await JsonAnswer(RefusalAnswer(refusal).to_json(), 503)(scope, receive, send)

    def _hosts(self) -> frozenset[str]:
        """The accepted values of a Host header."""
        return frozenset(f"{name}:{self.port}" for name in (LOOPBACK, "localhost"))

    async def _close_calls(self) -> None:
        if "calls" in vars(self):
            await self.calls.aclose()

    def _end_control(self) -> None:
        """End what clients wait for, their streams and what goes on in accounts, and delete what was uploaded."""
        self._apis.close()
        for tenant in self.tenants.all():
            tenant.close_account()
            tenant.delete_clips()
            tenant.streams.end("the mock stops")

    def _accepted(self, scope: Scope) -> AcceptedBody:
        """What the body of a write may be."""
        operation = self._apis.control.larger_body(scope) if is_control(scope) else None
        if operation is None:
            return JSON_BODY
        return AcceptedBody(operation.upload or JSON_BODY.media_type, operation.most_bytes or JSON_BODY.most_bytes)

    def _refusal(self, scope: Scope, refused: RequestRefused) -> Response:
        """A refusal of the guard, in the shape of the API that the request is for."""
        self.guard_notes.note(scope, refused)
        return control_refusal(refused) if is_control(scope) else refuse(refused.refusal, str(refused))

    def _created(self, tenant: Tenant) -> None:
        self.rooms.add_app_id(tenant.app_id)
        tenant.faults.watch(self.entrance)
        tenant.faults.known_paths = _declared_paths

    def _build(self) -> ASGIApp:
        async def split(scope: Scope, receive: Receive, send: Send) -> None:
            path = "" if scope["type"] == "lifespan" else f"{scope['path']}/"
            # The WebRTC door's routes are not known before its libraries are imported, so it gets the whole path.
            if path.startswith(_RELAY):
                await self.relay(scope, receive, send)
            elif path and is_health(scope):
                await answer_health(scope, receive, send)
            elif scope["type"] == "http" and is_control(scope):
                await self._apis.control(scope, receive, send)
            elif path.startswith(_OURS) or scope["type"] != "http":
                await self._apis.documents(scope, receive, send)
            else:
                await self._apis.sendblue(scope, receive, send)

        return split


def _declared_paths() -> Mapping[str, str]:
    from offhook_mockserver.faces.sendblue.api import DECLARED_PATHS  # is imported after the mock listens

    return DECLARED_PATHS


def check_plugins(given: object) -> Plugins:
    """Check an argument that must be `Plugins`.

    Raises:
        ConfigError: it is something else.
    """
    guess = "Write Plugins.load([...])" if type(given) in {list, tuple} else ""
    return check_instance(given, "plugins", Plugins, "offhook.plugin.Plugins", guess)


def _check_folder(folder: Path) -> None:
    make_folder(folder, "Choose another with --recordings.")
    try:
        with NamedTemporaryFile(dir=folder):
            pass
    except (OSError, ValueError) as error:
        raise StorageError(
            f"cannot write to the recordings folder {quoted_path(folder)}: {system_reason(error)}. "
            "Choose another with --recordings"
        ) from None
