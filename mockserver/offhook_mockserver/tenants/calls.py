"""The mock's calls: each is a room, a callee and the task that owns both until all members have left.

What happens in a call is written to its tenant's journal.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from offhook.errors import OffhookError
from offhook.interfaces import LeaveReason, MemberJoined, MemberLeft, MemberPublished, MemberUnpublished, mask
from offhook.session import Grade
from offhook_mockserver.callees.callee import Callee, CalleeEnd
from offhook_mockserver.callees.numbers import script_for
from offhook_mockserver.callees.script_source import script_from
from offhook_mockserver.callees.voice import load_speech
from offhook_mockserver.rooms.room import RoomError
from offhook_mockserver.tenants.call import CallEvent, MockCall
from offhook_mockserver.tenants.call_log import CallLogs
from offhook_mockserver.tenants.entry import EntryKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from offhook.interfaces import AudioSink
    from offhook.plugin import Plugins
    from offhook_mockserver.callees.moments import Moment
    from offhook_mockserver.callees.script import Script
    from offhook_mockserver.callees.speech import Speech
    from offhook_mockserver.rooms.member import RoomEvent
    from offhook_mockserver.rooms.rooms import Rooms
    from offhook_mockserver.tenants.entry import Json
    from offhook_mockserver.tenants.tenant import Tenant


_log = logging.getLogger(__name__)

#: How many speech files are kept in memory.
_MOST_SPEECH: Final = 32
_STOP_TIMEOUT_S: Final = 0.8
#: How the entries of members name what happened, for programs and for people.
_MEMBER_EVENTS: Final[Mapping[type, str]] = {
    MemberJoined: "joined",
    MemberPublished: "published",
    MemberUnpublished: "unpublished",
    MemberLeft: "left",
}
_MEMBER_TEXTS: Final[Mapping[str, str]] = {
    "joined": "joined the channel",
    "published": "publishes audio",
    "unpublished": "publishes no audio any more",
    "left": "left the channel",
    "dropped": "dropped out of the channel",
    "removed": "was removed from the channel",
}


class Calls:
    """Starts calls and owns them.

    Args:
        rooms: where channels are opened.
        plugins: the audio sources, sinks and resamplers.
        recordings: a folder for what callees hear, or None.
        on_event: called with each event of a call, for people.
        script_for: returns the script for a number for which the tenant has none; by default, that of the table of
            fictional numbers.
    """

    def __init__(
        self,
        rooms: Rooms,
        plugins: Plugins,
        *,
        recordings: Path | None = None,
        on_event: Callable[[CallEvent], None] = lambda event: None,
        script_for: Callable[[str], Script] = script_for,
    ) -> None:
        self._rooms = rooms
        self._plugins = plugins
        self._recordings = recordings
        self._on_event = on_event
        self._script_for = script_for
        self._speech: dict[tuple[Speech, int], bytes] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._call_logs = CallLogs()

    def start(self, tenant: Tenant, to: str, from_number: str) -> MockCall:
        """Open a channel and ring `to`.

        Raises:
            RoomError: too many channels are open, or the tenant was removed.
            ScriptError: `script_for` raised an error, or returned something that cannot be played.
        """
        _check_bounds(tenant)
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
            if call.answered_wall_s is None and call.callee.answered:
                call.answered_wall_s = tenant.clock.wall_s()
            fields: dict[str, Json] = {"code": moment.code.value, "at_s": moment.at_s}
            if moment.code.is_event:
                self._note(tenant, call, EntryKind.CALLEE, moment.text, fields, grade=Grade.ASSUMED)
            else:  # a detail, for the journal alone
                tenant.journal.add(
                    EntryKind.CALLEE, moment.text, channel=channel, number=to, fields=fields, grade=Grade.ASSUMED
                )

        room.on_misuse = lambda what: self._note(tenant, call, EntryKind.MISUSE, what)
        room.on_member = lambda event, why: _note_member(tenant, call, event, why)
        room.check_more = lambda: _check_members(tenant)
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
        )
        call = MockCall(channel, to, from_number, room, callee, ids, tenant.clock.wall_s())
        tenant.calls[channel] = call
        tenant.journal.add(
            EntryKind.CALL,
            f"a call to {to} from {from_number} starts; its callee {script.summary}",
            channel=channel,
            number=to,
            fields={"event": "started", "from_number": from_number},
            grade=Grade.DOCUMENTED,
        )
        call.task = asyncio.create_task(self._run(tenant, call))
        self._tasks.add(call.task)
        call.task.add_done_callback(self._tasks.discard)
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
        await self._call_logs.aclose()

    async def _run(self, tenant: Tenant, call: MockCall) -> None:
        started_at_s = tenant.clock.timer_s()
        try:
            try:
                call.end = await call.callee.run()
            except Exception as error:
                call.end = CalleeEnd.FAILED
                if isinstance(error, OffhookError):
                    _log.warning("the callee of %s failed: %s", call.channel, error.message)
                else:
                    _log.exception("the callee of %s failed", call.channel)
                self._note(tenant, call, EntryKind.CALLEE, f"{CalleeEnd.FAILED.text}: {error}")
            else:
                self._note(tenant, call, EntryKind.CALLEE, call.end.text, {"end": call.end.value}, grade=Grade.ASSUMED)
            await self._until_empty(tenant, call, started_at_s)
        finally:
            self._rooms.close(call.channel)
            if losses := call.losses():
                text = "lost: " + ", ".join(f"{name} {count}" for name, count in losses.items())
                self._note(tenant, call, EntryKind.LOSS, text, dict(losses))
            del tenant.calls[call.channel]
            tenant.ended.append(call.ended())
            self._ended(tenant, call)

    def _ended(self, tenant: Tenant, call: MockCall) -> None:
        end = call.end or CalleeEnd.ROOM_CLOSED  # the task was cancelled
        tenant.journal.add(
            EntryKind.CALL,
            f"the call to {call.to} has ended: {end.text}",
            channel=call.channel,
            number=call.to,
            fields={"event": "ended", "end": end.value, "answered": call.answered_wall_s is not None},
            grade=Grade.ASSUMED,
        )
        if tenant.settings.keep_audio_s > 0:
            tenant.kept.append(call)
        if tenant.settings.call_log and not tenant.removed:
            self._call_logs.send(tenant, call)

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
        key = (speech, rate_hz)
        pcm = self._speech.get(key)
        if pcm is None:
            pcm = await load_speech(self._plugins, speech, rate_hz)
            if len(self._speech) == _MOST_SPEECH:
                del self._speech[next(iter(self._speech))]
            self._speech[key] = pcm
        return pcm

    def _open_recording(self, channel: str) -> AudioSink | None:
        if self._recordings is None:
            return None
        try:
            return self._plugins.sink(f"recorder:{self._recordings / f'{channel}.callee.wav'}")
        except OffhookError as error:
            _log.warning("what the callee hears is not recorded: %s", error)
            return None

    def _note(
        self,
        tenant: Tenant,
        call: MockCall,
        kind: EntryKind,
        what: str,
        fields: Mapping[str, Json] | None = None,
        *,
        grade: Grade = Grade.OBSERVED,
    ) -> None:
        call.note(what)
        tenant.journal.add(kind, what, channel=call.channel, number=call.to, fields=fields, grade=grade)
        try:
            self._on_event(CallEvent(tenant.clock.wall_s(), call.channel, mask(call.to), what))
        except Exception:  # of the test or the program that watches
            _log.exception("on_event of this mock failed")


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


def _note_member(tenant: Tenant, call: MockCall, event: RoomEvent, why: str) -> None:
    if not isinstance(event, MemberJoined | MemberPublished | MemberUnpublished | MemberLeft):
        return
    is_callee = event.uid == call.callee.uid
    what = _MEMBER_EVENTS[type(event)]
    if isinstance(event, MemberLeft):
        what = "removed" if why else "dropped" if event.reason is LeaveReason.DROPPED else "left"
    who = "the callee" if is_callee else "a caller"
    tenant.journal.add(
        EntryKind.MEMBER,
        f"{who} (uid {event.uid}) {_MEMBER_TEXTS[what]}" + (f": {why}" if why else ""),
        channel=call.channel,
        number=call.to,
        fields={"event": what, "uid": event.uid, "who": "callee" if is_callee else "caller"},
        grade=Grade.ASSUMED if is_callee else Grade.OBSERVED,
    )
