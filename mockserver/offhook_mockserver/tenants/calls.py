"""The mock's calls: each is a room, a callee and the task that owns both until all members have left.

What happens in a call is written to its tenant's journal.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from offhook.errors import OffhookError
from offhook.interfaces import MemberJoined
from offhook.wording import describe
from offhook_mockserver.callees.ends import CalleeEnd
from offhook_mockserver.callees.usual import script_for
from offhook_mockserver.rooms.room_error import RoomError
from offhook_mockserver.tenants.call import MockCall
from offhook_mockserver.tenants.call_events import call_ended
from offhook_mockserver.tenants.call_faults import CallFaults
from offhook_mockserver.tenants.call_notes import CallNotes
from offhook_mockserver.tenants.entry import clean_text
from offhook_mockserver.tenants.settings import BridgeJoins

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from offhook.interfaces import AudioSink
    from offhook.plugin import Plugins
    from offhook_mockserver.callees.moments import Moment
    from offhook_mockserver.callees.script import Script
    from offhook_mockserver.callees.speech import Speech
    from offhook_mockserver.rooms.member import RoomEvent
    from offhook_mockserver.rooms.rooms import Rooms
    from offhook_mockserver.tenants.call import CallEvent
    from offhook_mockserver.tenants.own_load import OwnLoad
    from offhook_mockserver.tenants.tenant import Tenant


_log = logging.getLogger(__name__)

#: How many speech files are kept in memory for other calls, and how many bytes of them.
_MOST_SPEECH: Final = 32
_MOST_SPEECH_BYTES: Final = 64 * 1024 * 1024
_STOP_TIMEOUT_S: Final = 0.8


class Calls:
    """Starts calls and owns them.

    Args:
        rooms: where channels are opened.
        plugins: the audio sources, sinks and resamplers.
        recordings: a folder for what callees hear, or None.
        on_event: called with each event of a call, for people.
        script_for: returns the script for a number for which the tenant has none; by default, that of the table of
            fictional numbers.
        own_load: measures the loop; None lets calls start whatever the load is.
    """

    def __init__(
        self,
        rooms: Rooms,
        plugins: Plugins,
        *,
        recordings: Path | None = None,
        on_event: Callable[[CallEvent], None] = lambda event: None,
        script_for: Callable[[str], Script] = script_for,
        own_load: OwnLoad | None = None,
    ) -> None:
        self._rooms = rooms
        self._plugins = plugins
        self._recordings = recordings
        self._on_event = on_event
        self._script_for = script_for
        self._own_load = own_load
        self._speech: dict[tuple[Speech, int, object], bytes] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, tenant: Tenant, to: str, from_number: str) -> MockCall:
        """Open a channel and ring `to`.

        Raises:
            RoomError: too many channels are open, or the tenant was removed.
            Overloaded: the loop has no room for the audio of one more call.
            ScriptError: `script_for` raised an error, or returned something that cannot be played.
        """
        from offhook_mockserver.callees.callee import Callee  # which a mock that listens does not need yet
        from offhook_mockserver.callees.script_source import script_from

        _check_bounds(tenant)
        if self._own_load is not None:
            self._own_load.check()
        settings = tenant.settings
        script = tenant.scripts.get(to) or script_from(self._script_for, to)
        ids = tenant.ids_of_call()
        channel = f"ft_call_{ids.hex(16)}"  # documented: the shape of the example
        room = self._rooms.create(
            channel,
            tenant.app_id,
            tenant.certificate,
            lost_after_s=settings.lost_after_s,
            clock=tenant.clock,
            ids=ids,
        )
        tenant.calls_started += 1

        async def load(speech: Speech) -> bytes:
            return await self._load(speech, room.rate_hz)

        def happened(moment: Moment) -> None:
            notes.moment(moment)

        def member(event: RoomEvent, why: str) -> None:
            notes.member(event, why)
            if self._own_load is not None and isinstance(event, MemberJoined):
                self._own_load.joined(channel)

        callee = Callee(
            room,
            script,
            load_speech=load,
            open_recording=lambda: self._open_recording(channel),
            on_moment=happened,
            max_call_s=settings.max_call_s,
            join_window_s=settings.join_window_s,
            grace_s=settings.grace_s,
            keep_audio_s=settings.keep_audio_s,
            timers=tenant.clock,
            joins_at_ringing=BridgeJoins(settings.bridge_joins) is BridgeJoins.RINGING,
            stays_when_caller_leaves=not settings.caller_leaving_ends_call,
        )
        call = MockCall(channel, to, from_number, room, callee, ids, tenant.clock.wall_s())
        notes = CallNotes(tenant, call, self._on_event)
        room.on_misuse = notes.misuse
        room.on_member = member
        room.on_token = notes.token
        room.check_more = lambda: _check_members(tenant)
        faults = CallFaults(tenant.faults, room, to)
        room.faults = faults
        tenant.calls[channel] = call
        notes.started()
        call.task = asyncio.create_task(self._run(tenant, call, notes))
        self._tasks.add(call.task)
        # A task that is cancelled before its first step does not run at all, so this is not its own business.
        call.task.add_done_callback(lambda task: self._over(tenant, call, notes, task))
        call.task.add_done_callback(lambda task: faults.close())
        return call

    @property
    def up(self) -> int:
        """How many calls there are now."""
        return len(self._tasks)

    async def aclose(self) -> None:
        """End every call: callees leave, and recordings are finished. Bounded."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_STOP_TIMEOUT_S)

    async def _run(self, tenant: Tenant, call: MockCall, notes: CallNotes) -> None:
        started_at_s = tenant.clock.timer_s()
        try:
            call.end = await call.callee.run()
        except Exception as error:
            call.end = CalleeEnd.FAILED
            call.problem = clean_text(describe(error))
            if isinstance(error, OffhookError):
                call.problem = clean_text(error.message)
                _log.warning("the callee of %s failed: %s", call.channel, error.message)
            else:
                _log.exception("the callee of %s failed", call.channel)
            notes.callee_ended(call.end, call.problem)
        else:
            notes.callee_ended(call.end)
        tenant.changes.note()
        await self._until_empty(tenant, call, started_at_s)

    def _over(self, tenant: Tenant, call: MockCall, notes: CallNotes, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self._own_load is not None:
            self._own_load.over(call.channel)
            if not self._tasks:
                self._own_load.none_left()
        self._rooms.close(call.channel)
        if losses := call.losses():
            notes.lost(losses)
        del tenant.calls[call.channel]
        tenant.ended.append(call.ended())
        if tenant.settings.keep_audio_s > 0:
            tenant.kept.append(call)
        notes.ended()
        if not tenant.removed:
            call_ended(tenant, call)

    async def _until_empty(self, tenant: Tenant, call: MockCall, started_at_s: float) -> None:
        """Wait until the caller has left, too, or the call's time is up. Assumed: Sendblue does not document it."""
        settings, room, clock = tenant.settings, call.room, tenant.clock
        try:
            if call.end is not None and call.end.may_precede_caller and not room.members:
                async with clock.timeout(started_at_s + settings.join_window_s - clock.timer_s()):
                    await room.until(lambda: bool(room.members))
            async with clock.timeout(started_at_s + settings.max_call_s - clock.timer_s()):
                await room.until(lambda: not room.members)
        except TimeoutError:
            pass

    async def _load(self, speech: Speech, rate_hz: int) -> bytes:
        key = (speech, rate_hz, _version(speech))
        pcm = self._speech.get(key)
        if pcm is None:
            from offhook_mockserver.callees.voice import load_speech

            pcm = await load_speech(self._plugins, speech, rate_hz)
            self._speech[key] = pcm
            while len(self._speech) > _MOST_SPEECH or sum(map(len, self._speech.values())) > _MOST_SPEECH_BYTES:
                del self._speech[next(iter(self._speech))]
        return pcm

    def _open_recording(self, channel: str) -> AudioSink | None:
        if self._recordings is None:
            return None
        try:
            return self._plugins.sink(f"recorder:{self._recordings / f'{channel}.callee.wav'}")
        except OffhookError as error:
            _log.warning("what the callee hears is not recorded: %s", error)
            return None


def _version(speech: Speech) -> object:
    """Differs when the file of a speech has changed."""
    if speech.path is None:
        return None
    try:
        found = speech.path.stat()
    except (OSError, ValueError):
        return None  # reading it reports that
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _check_bounds(tenant: Tenant) -> None:
    if tenant.removed:
        raise RoomError("this tenant was removed from the mock: create another one")
    if len(tenant.calls) >= tenant.bounds.calls:
        raise RoomError(
            f"this tenant has {len(tenant.calls)} calls, which is its limit: hang up some, or raise TenantBounds(calls)"
        )


def _check_members(tenant: Tenant) -> None:
    if tenant.members >= tenant.bounds.members:
        raise RoomError(f"this tenant has {tenant.members} members in its channels, which is its limit")
