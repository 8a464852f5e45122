"""Whether a call may be dialled: a limit, the plugins' decisions, and the double-dial guard, in this order.

All of it happens after the check that the call could work and before anything rings. The guard's claim is the last
step before dialling.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from offhook.errors import ConfigError, DoubleDial, OffhookError, TooManyCalls
from offhook.interfaces import DialGuard
from offhook.interfaces.grant import is_loopback
from offhook.interfaces.numbers import mask
from offhook.plugin.isolation import isolated

if TYPE_CHECKING:
    from offhook.interfaces import Carrier
    from offhook.interfaces.clock import Clock
    from offhook.interfaces.dialing import DialRequest
    from offhook.plugin.hooks import Hooks


#: How long after a call the guard refuses to dial its callee again, in seconds, if the callee is a person.
REDIAL_WINDOW_S: Final = 30.0
#: The same after a call that may have rung or not, in seconds: a telephone has stopped ringing by then.
AMBIGUOUS_HOLD_S: Final = 60.0
#: How long a carrier may take to name its line.
_LINE_TIMEOUT_S: Final = 10.0
#: How long a guard may take to claim a key, while nothing rings, and to release one, while the end of a call waits.
_CLAIM_TIMEOUT_S: Final = 10.0
_RELEASE_TIMEOUT_S: Final = 2.0
#: How many calls of one phone may be up at once.
CALL_LIMIT: Final = 100


class Admission:
    """Admits the calls of one phone.

    Args:
        carrier: has the lines that the calls are from.
        hooks: of the plugins, which may refuse a call.
        guard: remembers which callees are being called.
        clock: the time.
        call_limit: how many calls may be up at once.
        redial_window_s: how long a callee stays guarded after a call; None is 30 s, and 0 where the endpoint is this
            machine.

    Raises:
        ConfigError: a limit that is not at least 1, or a window that is not a finite number of seconds from 0 up.
    """

    def __init__(
        self,
        carrier: Carrier,
        hooks: Hooks,
        guard: DialGuard,
        clock: Clock,
        *,
        call_limit: int = CALL_LIMIT,
        redial_window_s: float | None = None,
    ) -> None:
        if call_limit < 1:
            raise ConfigError(f"call_limit must be at least 1, got {call_limit!r}")
        if redial_window_s is not None and not 0 <= redial_window_s < float("inf"):
            raise ConfigError(f"redial_window_s must be finite and at least 0 seconds, got {redial_window_s!r}")
        if redial_window_s is None:
            redial_window_s = 0.0 if carrier.endpoint and is_loopback(carrier.endpoint) else REDIAL_WINDOW_S
        self._carrier = carrier
        self._hooks = hooks
        self._guard = guard
        self._clock = clock
        self._limit = call_limit
        self._window_s = redial_window_s
        self._if_killed_s = max(AMBIGUOUS_HOLD_S, redial_window_s) if redial_window_s else 0.0
        self._up: dict[str, str] = {}

    async def admit(self, request: DialRequest) -> DialRequest:
        """Reserve one of the phone's calls and the guard's key for it; `release` gives both back.

        Returns:
            The request with its `line` and the time.

        Raises:
            DialRefused: the limit is reached, or a plugin or the guard refused; `redial` overrides the guard.
            OffhookError: the carrier or the guard failed.
        """
        if len(self._up) >= self._limit:
            raise TooManyCalls(
                f"{mask(request.number)} was not dialled: {len(self._up)} calls are up, which is this phone's limit. "
                "Wait for one to end, or raise Phone(call_limit=...)"
            )
        call_id = request.call_id
        self._up[call_id] = ""  # the place is taken while plugins are asked
        try:
            request = await self._ask(request)
            self._up[call_id] = await self._take_key(request)
        except BaseException:
            del self._up[call_id]
            raise
        return request

    async def try_out(self, request: DialRequest) -> None:
        """Find out whether `admit` would let the call pass, and take nothing.

        Raises:
            DialRefused, OffhookError: as `admit`.
        """
        if len(self._up) >= self._limit:
            up = f"{len(self._up)} calls are up, which is the limit"
            raise TooManyCalls(f"{mask(request.number)} would not be dialled: {up}")
        request = await self._ask(request)
        key = await self._take_key(request)
        await self._free(key, request.call_id, 0.0)

    async def release(self, call_id: str, rang: str) -> None:
        """The call is over, or was not dialled after all. Idempotent; a cancellation is passed on when it is done.

        Args:
            call_id: as admitted.
            rang: ``"no"``, ``"assumed"`` or ``"unknown"``, see `CallRecord.rang`. A callee that did not ring is not
                guarded.

        Raises:
            OffhookError: the guard failed.
        """
        key = self._up.pop(call_id, None)
        if key:
            hold_s = {"no": 0.0, "unknown": max(AMBIGUOUS_HOLD_S, self._window_s)}.get(rang, self._window_s)
            await self._free(key, call_id, hold_s)

    async def _ask(self, request: DialRequest) -> DialRequest:
        """Ask the carrier for its line, ask the plugins for permission, and return the completed request."""
        carrier = self._carrier
        line = await isolated(carrier, "line_id", lambda: carrier.line_id(request.from_number), _LINE_TIMEOUT_S)
        request = replace(request, line=line, wall_s=self._clock.wall_s())
        await self._hooks.before_dial(request)
        return request

    async def _take_key(self, request: DialRequest) -> str:
        """Claim the guard's key for a call, and return it."""
        key = guard_key(request.line, request.number)
        try:
            holder = await self._claim(key, request.call_id)
            if holder is not None and request.redial:
                await self._free(key, holder, 0.0)
                holder = await self._claim(key, request.call_id)
        except BaseException:
            with contextlib.suppress(OffhookError):  # it may have been claimed all the same
                await self._free(key, request.call_id, 0.0)
            raise
        if holder is not None:
            raise self._double(request.number, holder)
        return key

    async def _claim(self, key: str, call_id: str) -> str | None:
        guard, now_s = self._guard, self._clock.wall_s()
        return await isolated(
            guard, "claim", lambda: guard.claim(key, call_id, now_s, self._if_killed_s), _CLAIM_TIMEOUT_S
        )

    async def _free(self, key: str, call_id: str, hold_s: float) -> None:
        """Release a key, even if this is cancelled meanwhile: while the key is held, its callee cannot be dialled."""
        guard, now_s = self._guard, self._clock.wall_s()
        work = asyncio.create_task(
            isolated(guard, "release", lambda: guard.release(key, call_id, now_s, hold_s), _RELEASE_TIMEOUT_S)
        )
        cancelled: asyncio.CancelledError | None = None
        while not work.done():
            try:
                await asyncio.wait({work})
            except asyncio.CancelledError as error:
                cancelled = error
        work.result()
        if cancelled is not None:
            raise cancelled

    def _double(self, number: str, holder: str) -> DoubleDial:
        return DoubleDial(
            f"{mask(number)} was not dialled: the call {holder} is calling that number from the same line, or did so a "
            "moment ago, and a second call would ring that phone again. To dial anyway, use "
            "phone.dial(..., redial=True) or offhook call --redial"
        )


#: Calls that are over and still hold their key; the oldest go first.
_MOST_HELD: Final = 10_000


def guard_key(line: str, number: str) -> str:
    """Return the key for calls from `line` (see `Carrier.line_id`) to `number`; the key does not reveal them."""
    return hashlib.sha256(f"{line}\n{number}".encode()).hexdigest()[:32]


class MemoryGuard(DialGuard):
    """Guards the calls of all phones that share this object."""

    def __init__(self) -> None:
        self._live: dict[str, str] = {}
        #: Key to the call that had it, and from when to when it is still held, in wall time.
        self._held: dict[str, tuple[str, float, float]] = {}

    async def claim(self, key: str, call_id: str, now_s: float, if_killed_s: float = 0.0) -> str | None:
        holder = self._live.get(key)
        if holder is None and (held := self._held.pop(key, None)) is not None:
            last, from_s, until_s = held
            if from_s <= now_s < until_s:  # a clock that was set back makes no hold longer
                self._held[key] = held
                holder = last
        if holder is None:
            self._live[key] = call_id
        return holder

    async def release(self, key: str, call_id: str, now_s: float, hold_s: float) -> None:
        held = self._held.get(key)
        if self._live.get(key) == call_id:
            del self._live[key]
        elif held is None or held[0] != call_id:
            return
        self._held.pop(key, None)
        if hold_s > 0:
            if len(self._held) == _MOST_HELD:
                del self._held[next(iter(self._held))]
            self._held[key] = call_id, now_s, now_s + hold_s
