"""The mock's calls: each is a room, a callee and the task that owns both until all members have left."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from offhook.errors import OffhookError
from offhook.interfaces import mask
from offhook_mockserver.callees.callee import Callee, CalleeEnd
from offhook_mockserver.callees.numbers import script_for
from offhook_mockserver.callees.script_source import script_from
from offhook_mockserver.callees.voice import load_speech
from offhook_mockserver.tenants.call import CallEvent, MockCall
from offhook_mockserver.tenants.call_faults import CallFaults

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from offhook.interfaces import AudioSink, Clock, Ids
    from offhook.plugin import Plugins
    from offhook_mockserver.callees.script import Say, Script
    from offhook_mockserver.rooms.rooms import Rooms
    from offhook_mockserver.tenants.tenant import Tenant


_log = logging.getLogger(__name__)

#: How many speech files are kept in memory.
_MOST_SPEECH: Final = 32
_STOP_TIMEOUT_S: Final = 0.8


class Calls:
    """Starts calls and owns them.

    Args:
        rooms: where channels are opened.
        clock: the time of events.
        ids: for channel names.
        plugins: the audio sources, sinks and resamplers.
        recordings: a folder for what callees hear, or None.
        on_event: called with each event of a call, for people.
        script_for: returns the script for a number; by default, that of the table of fictional numbers.
    """

    def __init__(
        self,
        rooms: Rooms,
        clock: Clock,
        ids: Ids,
        plugins: Plugins,
        *,
        recordings: Path | None = None,
        on_event: Callable[[CallEvent], None] = lambda event: None,
        script_for: Callable[[str], Script] = script_for,
    ) -> None:
        self._rooms = rooms
        self._clock = clock
        self._ids = ids
        self._plugins = plugins
        self._recordings = recordings
        self._on_event = on_event
        self._script_for = script_for
        self._speech: dict[tuple[Path, int], bytes] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, tenant: Tenant, to: str, from_number: str) -> MockCall:
        """Open a channel and ring `to`.

        Raises:
            RoomError: too many channels are open.
            ScriptError: `script_for` raised an error, or returned something that cannot be played.
        """
        script = script_from(self._script_for, to)
        channel = f"ft_call_{self._ids.hex(16)}"  # documented: the shape of the example
        room = self._rooms.create(channel, tenant.app_id, tenant.certificate, lost_after_s=tenant.settings.lost_after_s)

        async def load(step: Say) -> bytes:
            return await self._load(step, room.rate_hz)

        def change(what: str) -> None:
            self._note(call, what)

        room.on_misuse = change
        faults = CallFaults(tenant.faults, room, to)
        room.faults = faults
        callee = Callee(
            room,
            script,
            load_speech=load,
            open_recording=lambda: self._open_recording(channel),
            on_change=change,
            max_call_s=tenant.settings.max_call_s,
            join_window_s=tenant.settings.join_window_s,
            grace_s=tenant.settings.grace_s,
        )
        call = MockCall(channel, to, from_number, room, callee)
        tenant.calls[channel] = call
        task = asyncio.create_task(self._run(tenant, call))
        task.add_done_callback(lambda ended: faults.close())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
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

    async def _run(self, tenant: Tenant, call: MockCall) -> None:
        started_at_s = asyncio.get_running_loop().time()
        try:
            try:
                call.end = await call.callee.run()
            except Exception as error:
                call.end = CalleeEnd.FAILED
                if isinstance(error, OffhookError):
                    _log.warning("the callee of %s failed: %s", call.channel, error.message)
                else:
                    _log.exception("the callee of %s failed", call.channel)
                self._note(call, f"{CalleeEnd.FAILED.text}: {error}")
            else:
                self._note(call, call.end.text)
            await self._until_empty(tenant, call, started_at_s)
        finally:
            self._rooms.close(call.channel)
            if losses := call.losses():
                self._note(call, "lost: " + ", ".join(f"{name} {count}" for name, count in losses.items()))
            del tenant.calls[call.channel]
            tenant.ended.append(call.ended())

    async def _until_empty(self, tenant: Tenant, call: MockCall, started_at_s: float) -> None:
        """Wait until the caller has left, too, or the call's time is up. Assumed: Sendblue does not document it."""
        settings, room = tenant.settings, call.room
        try:
            if call.end in {CalleeEnd.DECLINED, CalleeEnd.FAILED} and not room.members:
                async with asyncio.timeout_at(started_at_s + settings.join_window_s):
                    await room.until(lambda: bool(room.members))
            async with asyncio.timeout_at(started_at_s + settings.max_call_s):
                await room.until(lambda: not room.members)
        except TimeoutError:
            pass

    async def _load(self, step: Say, rate_hz: int) -> bytes:
        key = (step.path, rate_hz)
        pcm = self._speech.get(key)
        if pcm is None:
            pcm = await load_speech(self._plugins, step.path, rate_hz)
            if len(self._speech) == _MOST_SPEECH:
                del self._speech[next(iter(self._speech))]
            self._speech[key] = pcm
        return pcm if step.duration_s is None else pcm[: int(step.duration_s * rate_hz) * 2]

    def _open_recording(self, channel: str) -> AudioSink | None:
        if self._recordings is None:
            return None
        try:
            return self._plugins.sink(f"recorder:{self._recordings / f'{channel}.callee.wav'}")
        except OffhookError as error:
            _log.warning("what the callee hears is not recorded: %s", error)
            return None

    def _note(self, call: MockCall, what: str) -> None:
        call.events.append(what)
        try:
            self._on_event(CallEvent(self._clock.wall_s(), call.channel, mask(call.to), what))
        except Exception:  # of the test or the program that watches
            _log.exception("on_event of this mock failed")
