"""Whether a call may be dialled: a limit, the load, a check, the plugins' decisions, and the guard.

All of it happens before anything rings. The check that the call could work comes after the wait for its turn, since it
costs time on the loop as well; the guard's claim is the last step before dialling.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import weakref
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from offhook.arguments import check_seconds, check_whole, is_several
from offhook.call.lines import LineUse
from offhook.call.load_admission import LoadAdmission
from offhook.errors import DoubleDial, OffhookError, TooManyCalls
from offhook.interfaces import DialGuard
from offhook.interfaces.grant import is_loopback
from offhook.interfaces.numbers import e164, mask
from offhook.plugin.isolation import contract_error, isolated

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from offhook.call.load_policy import LoadPolicy
    from offhook.interfaces import Carrier
    from offhook.interfaces.clock import Clock
    from offhook.interfaces.dialing import DialRequest
    from offhook.plugin.hooks import Hooks


#: How long after a call the guard refuses to dial its callee again, in seconds, if the callee is a person.
REDIAL_WINDOW_S: Final = 30.0
#: How long the guard refuses after a call that may or may not have rung, in seconds: a telephone has stopped ringing by
#: then.
AMBIGUOUS_HOLD_S: Final = 60.0
#: How long a carrier may take to name its line.
_LINE_TIMEOUT_S: Final = 10.0
#: How long a guard may take, in seconds: to claim a key, before anything rings; and to release a key, which delays the
#: end of a call.
_CLAIM_TIMEOUT_S: Final = 10.0
_RELEASE_TIMEOUT_S: Final = 2.0
#: How many calls of one phone may be up at once: what one process carried on a slow machine with two cores. `offhook
#: bench calls` measures it.
CALL_LIMIT: Final = 50


def check_call_limit(call_limit: object) -> int:
    """Check the limit of calls at once.

    Raises:
        ConfigError: it is not a whole number of at least 1.
    """
    return check_whole(call_limit, "call_limit", least=1)


def check_redial_window(redial_window_s: object) -> float | None:
    """Check the time for which a callee stays guarded.

    Raises:
        ConfigError: it is neither None nor a number of seconds from 0 to 1,000,000,000.
    """
    return None if redial_window_s is None else check_seconds(redial_window_s, "redial_window_s", zero=True)


class Admission:
    """Admits the calls of one phone.

    Args:
        carrier: the carrier, from whose lines the calls are placed.
        hooks: the hooks of the plugins, which may refuse a call.
        guard: remembers which callees are being called.
        clock: the time.
        call_limit: how many calls may be up at once; checked by `check_call_limit`.
        redial_window_s: how long a callee stays guarded after a call, checked by `check_redial_window`; None means
            30 s, or 0 s if the endpoint is this machine.
        load_policy: when a call waits or is refused because the event loop is loaded; None means never.
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
        load_policy: LoadPolicy | None = None,
    ) -> None:
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
        #: The load of the phone's loop, and the calls that wait because of it.
        self.by_load: LoadAdmission = LoadAdmission(load_policy, clock)
        self._lines = LineUse(max(AMBIGUOUS_HOLD_S, redial_window_s))
        self._locks: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()

    async def admit(self, request: DialRequest, check: Callable[[], Awaitable[None]]) -> DialRequest:
        """Reserve a place among the phone's calls, and claim the guard's key, for a call; `release` gives both back.

        Args:
            request: what to dial.
            check: finds out whether the call would work, once its turn has come: it costs time on the loop, too.

        Returns:
            The request with its `line`, the time, and the line that was chosen if the program chose none.

        Raises:
            DialRefused: the limit is reached, or a plugin or the guard refused; `redial` overrides the guard.
            OffhookError: the check, the carrier or the guard failed.
        """
        if len(self._up) >= self._limit:
            raise TooManyCalls(
                f"{mask(request.number)} was not dialled: {len(self._up)} calls are up, which is this phone's limit. "
                "Wait for one to end, or raise Phone(call_limit=...)"
            )
        call_id = request.call_id
        self._up[call_id] = ""  # the place is taken while plugins are asked
        try:
            await self.by_load.enter(call_id, request.number)
            await check()
            request = await self._choose_line(request)
            if request.from_number is not None:
                self._lines.take(call_id, request.from_number, request.number)  # other calls choose meanwhile
            request = await self._ask(request)
            key = guard_key(request.line, request.number)
            async with self._alone(key):
                await self._take(key, request, self._if_killed_s)
                self._up[call_id] = key
        except BaseException:
            del self._up[call_id]
            self.by_load.leave(call_id)
            self._lines.give_back(call_id, self._clock.monotonic_s())
            raise
        return request

    async def try_out(self, request: DialRequest) -> None:
        """Find out whether `admit` would let the call pass, and take nothing.

        A call of this phone to the same callee waits until the guard has answered, so the trial never makes the guard
        refuse that call.

        Raises:
            DialRefused, OffhookError: as `admit`.
        """
        if len(self._up) >= self._limit:
            up = f"{len(self._up)} calls are up, which is the limit"
            raise TooManyCalls(f"{mask(request.number)} would not be dialled: {up}")
        self.by_load.check(request.number)
        request = await self._ask(await self._choose_line(request))
        key = guard_key(request.line, request.number)
        async with self._alone(key):
            await self._take(key, request, 0.0)  # a process that dies here has rung nothing
            await self._free(key, request.call_id, 0.0)

    async def release(self, call_id: str, rang: str) -> None:
        """Give back the place and the key of a call that is over, or that was not dialled after all. Idempotent.

        If this is cancelled, it finishes the release first, and then raises CancelledError.

        Args:
            call_id: as admitted.
            rang: ``"no"``, ``"assumed"`` or ``"unknown"``, see `CallRecord.rang`. A callee that did not ring is not
                guarded.

        Raises:
            OffhookError: the guard failed.
        """
        key = self._up.pop(call_id, None)
        self.by_load.leave(call_id)
        self._lines.give_back(call_id, self._clock.monotonic_s())
        if key:
            hold_s = {"no": 0.0, "unknown": max(AMBIGUOUS_HOLD_S, self._window_s)}.get(rang, self._window_s)
            await self._free(key, call_id, hold_s)

    async def _choose_line(self, request: DialRequest) -> DialRequest:
        """Choose the line to call from, if the program chose none and the carrier names any."""
        if request.from_number is not None:
            return request
        carrier = self._carrier
        offered = await isolated(carrier, "lines_to_choose", lambda: carrier.lines_to_choose(), _LINE_TIMEOUT_S)
        if not is_several(offered):  # a plugin may return anything
            problem = f"returned {type(offered).__name__}; expected a list of numbers"
            raise contract_error(carrier, "lines_to_choose", problem, "Carrier")
        if not offered:
            return request
        lines = [e164(line, "number to call from") for line in offered]
        return replace(request, from_number=self._lines.choose(lines, request.number, self._clock.monotonic_s()))

    async def _ask(self, request: DialRequest) -> DialRequest:
        """Ask the carrier for its line, ask the plugins for permission, and return the completed request."""
        carrier = self._carrier
        line = await isolated(carrier, "line_id", lambda: carrier.line_id(request.from_number), _LINE_TIMEOUT_S)
        request = replace(request, line=line, wall_s=self._clock.wall_s())
        await self._hooks.before_dial(request)
        return request

    def _alone(self, key: str) -> asyncio.Lock:
        """The lock of a key, held while the key is claimed, so that a dry run of this phone never looks like a call.

        Waiting for it is bounded, as is everything that is done while it is held.
        """
        return self._locks.setdefault(key, asyncio.Lock())

    async def _take(self, key: str, request: DialRequest, if_killed_s: float) -> None:
        """Claim the guard's key for a call."""
        try:
            holder = await self._claim(key, request.call_id, if_killed_s)
            if holder is not None and request.redial:
                await self._free(key, holder, 0.0)
                holder = await self._claim(key, request.call_id, if_killed_s)
        except BaseException:
            with contextlib.suppress(OffhookError):  # the guard may have claimed the key all the same
                await self._free(key, request.call_id, 0.0)
            raise
        if holder is not None:
            raise self._double(request.number, holder)

    async def _claim(self, key: str, call_id: str, if_killed_s: float) -> str | None:
        guard, now_s = self._guard, self._clock.wall_s()
        return await isolated(guard, "claim", lambda: guard.claim(key, call_id, now_s, if_killed_s), _CLAIM_TIMEOUT_S)

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
        if cancelled is not None:
            _ = work.cancelled() or work.exception()  # retrieved, or asyncio would log it
            raise cancelled
        work.result()

    def _double(self, number: str, holder: str) -> DoubleDial:
        return DoubleDial(
            f"{mask(number)} was not dialled: the call {holder} is calling that number from the same line, or did so a "
            "moment ago, and a second call would ring that phone again. To dial anyway, use "
            "phone.dial(..., redial=True) or offhook call --redial"
        )


#: How many calls that are over may still hold their keys; beyond that, the oldest lose theirs.
_MOST_HELD: Final = 10_000


def guard_key(line: str, number: str) -> str:
    """Return the key for calls from `line` (see `Carrier.line_id`) to `number`; the key does not reveal them."""
    return hashlib.sha256(f"{line}\n{number}".encode()).hexdigest()[:32]


class MemoryGuard(DialGuard):
    """Guards the calls of all phones that share this object."""

    def __init__(self) -> None:
        self._live: dict[str, str] = {}
        #: For each key, the last call that had it, and when the hold after that call begins and ends, in wall time.
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
