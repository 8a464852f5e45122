"""The faults of a tenant in the channel of one call: joins, renewals, clients that are removed, and their media."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from offhook.interfaces import Direction
from offhook_mockserver.rooms.room_error import RoomError
from offhook_mockserver.tenants.effects import (
    ChannelClosed,
    ChannelMissing,
    ClientEffect,
    JoinHeld,
    Kicked,
    MediaDirection,
    MediaImpaired,
    RenewalRefused,
    UidTaken,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from offhook.interfaces import AudioFrame
    from offhook_mockserver.rooms.client_path import ClientPath
    from offhook_mockserver.rooms.member import RoomEvent
    from offhook_mockserver.rooms.room import Room
    from offhook_mockserver.tenants.fault import Fault
    from offhook_mockserver.tenants.fault_register import FaultRegister
    from offhook_wire.impairment import Impairment

#: What the directions of a fault are at the client's end.
_AT_CLIENT: Final[Mapping[MediaDirection, tuple[Direction, ...]]] = {
    MediaDirection.TO_CALLEE: (Direction.SENT,),
    MediaDirection.TO_CALLER: (Direction.HEARD,),
    MediaDirection.BOTH: (Direction.SENT, Direction.HEARD),
}


class CallFaults:
    """Applies the faults of a tenant to one call. It implements `RoomFaults`.

    Args:
        faults: the tenant's faults.
        room: the room of the call.
        to: the number that the call rings.
    """

    def __init__(self, faults: FaultRegister, room: Room, to: str) -> None:
        self._faults = faults
        self._room = room
        self._to = to
        self._loop = asyncio.get_running_loop()
        self._clients: dict[ClientPath, _Client] = {}
        self._entered = 0
        #: The faults of media that have affected a client of the call; one that joins again is not counted again.
        self._affected: set[Fault] = set()
        faults.watch(self)
        if self._take(ChannelMissing, "the channel was closed before anyone joined"):
            room.close()

    def close(self) -> None:
        """The call has ended. Idempotent."""
        self._faults.unwatch(self)
        for path in tuple(self._clients):
            self.left(path)

    # ---- what the room and its doors call

    def hold_join(self) -> Callable[[], bool] | None:
        """See `RoomFaults`."""
        held = next(iter(self._faults.matching(JoinHeld, self._to, self._room.channel)), None)
        dark = self._blacked_out()
        if held is not None:
            self._applied(held, "a join gets no answer")
        elif dark is not None:
            if dark not in self._affected and dark.applies(self._to, self._room.channel):
                self._affected.add(dark)
                self._applied(dark, f"{dark.what}: a join gets no answer")
            self._begin(dark)
        else:
            return None
        return lambda: (held is not None and held.active) or self._blacked_out() is not None

    def refuses_renewal(self) -> bool:
        """See `RoomFaults`."""
        return self._take(RenewalRefused, "a fresh token was refused")

    def entered(self, uid: int, path: ClientPath) -> None:
        """See `RoomFaults`."""
        self._entered += 1
        client = self._clients[path] = _Client(uid, self._entered)
        for fault in self._faults.active:
            self._apply(fault, path, client)

    def left(self, path: ClientPath) -> None:
        """See `RoomFaults`."""
        client = self._clients.pop(path, None)
        if client is not None:
            for timer in client.timers.values():
                timer.cancel()
            for fault, impaired in tuple(client.impaired.items()):
                self._heal(fault, path, client)
                for _, impairment in impaired:
                    fault.settle(impairment)

    # ---- what the tenant's faults call

    def fault_made(self, fault: Fault) -> None:
        """See `FaultWatcher`."""
        self._soon(self._apply_to_all, fault)

    def fault_undone(self, fault: Fault) -> None:
        """See `FaultWatcher`."""
        self._soon(self._undo, fault)

    # ---- inside

    def _soon(self, act: Callable[[Fault], None], fault: Fault) -> None:
        """Act on the next turn of the loop, because a test may make or undo a fault where no loop runs."""
        if not self._loop.is_closed():
            self._loop.call_soon(act, fault)

    def _apply_to_all(self, fault: Fault) -> None:
        for path, client in tuple(self._clients.items()):
            self._apply(fault, path, client)

    def _apply(self, fault: Fault, path: ClientPath, client: _Client) -> None:
        if not fault.applies(self._to, self._room.channel) or fault in client.impaired or fault in client.timers:
            return
        effect = fault.effect
        if isinstance(effect, MediaImpaired):
            self._applied(fault, f"{fault.what}, for uid {client.uid}")
            self._affected.add(fault)
            self._begin(fault)
            impaired = client.impaired[fault] = []
            for direction in _AT_CLIENT[effect.direction]:
                seed = fault.id if effect.seed is None else effect.seed
                impairment = effect.make(f"{seed} {client.number} {direction.value}")
                fault.impairments.append(impairment)
                impaired.append((direction, impairment))
                path.impair(direction, impairment)
        elif isinstance(effect, ClientEffect):
            client.timers[fault] = self._loop.call_later(effect.after_s, self._act, fault, effect, path, client)

    def _act(self, fault: Fault, effect: ClientEffect, path: ClientPath, client: _Client) -> None:
        if not fault.applies(self._to, self._room.channel):  # another client had its last application
            return
        match effect:
            case Kicked(reason=reason):
                self._applied(fault, f"uid {client.uid} was removed: {reason}")
                path.kick(reason)
            case UidTaken(stays_s=stays_s):
                self._applied(fault, f"another client joined as uid {client.uid}")
                try:
                    double = self._room.join_pcm(client.uid, _Silent())
                except RoomError:  # the channel is closed
                    return
                self._loop.call_later(stays_s, double.leave)
            case ChannelClosed():
                self._applied(fault, "the channel was closed")
                self._room.close()
            case _:
                raise AssertionError(f"{effect} is not applied to clients")

    def _begin(self, fault: Fault) -> None:
        """A fault of media has an effect: if it is the first one, its time begins to run."""
        assert isinstance(fault.effect, MediaImpaired)
        if not fault.begun:
            fault.begun = True
            if fault.effect.for_s is not None:
                self._loop.call_later(fault.effect.for_s, fault.end)

    def _undo(self, fault: Fault) -> None:
        for path, client in tuple(self._clients.items()):
            self._heal(fault, path, client)
            if (timer := client.timers.pop(fault, None)) is not None:
                timer.cancel()
        self._room.look_again()

    def _heal(self, fault: Fault, path: ClientPath, client: _Client) -> None:
        for direction, impairment in client.impaired.pop(fault, ()):
            path.heal(direction, impairment)

    def _blacked_out(self) -> Fault | None:
        for fault in self._faults.active:
            effect = fault.effect
            if isinstance(effect, MediaImpaired) and effect.cut and fault.concerns(self._to, self._room.channel):
                return fault
        return None

    def _applied(self, fault: Fault, what: str) -> None:
        self._faults.applied(fault, what, self._to, self._room.channel)

    def _take(self, kind: type[RenewalRefused] | type[ChannelMissing], what: str) -> bool:
        return self._faults.take(kind, what, self._to, self._room.channel) is not None


class _Client:
    """A client of the room, and what faults do to it."""

    def __init__(self, uid: int, number: int) -> None:
        self.uid = uid
        self.number = number
        self.timers: dict[Fault, asyncio.TimerHandle] = {}
        self.impaired: dict[Fault, list[tuple[Direction, Impairment]]] = {}


class _Silent:
    """The handler of the client that joins with a uid that is taken."""

    def on_event(self, event: RoomEvent) -> None:
        pass

    def on_audio(self, uid: int, frame: AudioFrame) -> None:
        pass
