"""What is needed before a call is dialled: the request, which travels with it, and the guard against double dials."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from offhook.arguments import check_flag, check_number, check_text
from offhook.errors import NumberRejected
from offhook.interfaces.numbers import e164, mask
from offhook.session.policy import CallPolicy, check_policy


@dataclass(frozen=True, slots=True)
class DialRequest:
    """One call that somebody asked for. `Phone.dial` makes it, and its numbers are checked then and only then.

    The same request goes to `offhook_before_dial`, to `Carrier.start_call` and to everything between them.

    Raises:
        NumberRejected: a number is not E.164, is an emergency number, or both numbers are the same.
        ConfigError: an attribute is of the wrong type.

    Attributes:
        call_id: our name for the call.
        number: whom to ring, E.164, unmasked: mask it (`offhook.interfaces.mask`) wherever you write it down.
        line: the id of the line that the call is from, see `Carrier.line_id`; it may contain a number, too. Filled in
            before a plugin sees the request, and empty until then.
        wall_s: now, in seconds since 1970, by the phone's clock; filled in with `line`.
        dry_run: nothing will be dialled, whatever is decided.
        from_number: the line to call from, E.164 and unmasked, or None for the carrier's own.
        policy: timers and answer policy of the call.
        redial: ring even if the callee is being called already, or was a moment ago.
    """

    call_id: str
    number: str = field(repr=False)
    line: str = field(repr=False, default="")
    wall_s: float = 0.0
    dry_run: bool = False
    from_number: str | None = field(repr=False, default=None)
    policy: CallPolicy = field(default_factory=CallPolicy)
    redial: bool = False

    def __post_init__(self) -> None:
        check_text(self.call_id, "call_id")
        check_text(self.line, "line")
        check_number(self.wall_s, "wall_s", unit="seconds since 1970")
        check_flag(self.dry_run, "dry_run")
        check_flag(self.redial, "redial")
        check_policy(self.policy)
        e164(self.number)
        if self.from_number is not None:
            e164(self.from_number, "number to call from")
            if self.from_number == self.number:
                raise NumberRejected(f"a line cannot call itself: {mask(self.number)} is also the number to call from")


class DialGuard(ABC):
    """Remembers which callees are being called, for all phones that share it, so that none is rung twice by mistake.

    A store may be a `DialGuard` as well; a phone then uses that store, and the guard works across processes. Both
    methods are awaited while no frame is due: before a call rings, and after it has ended.
    """

    @abstractmethod
    async def claim(self, key: str, call_id: str, now_s: float, if_killed_s: float = 0.0) -> str | None:
        """Take `key` for a call, in one step that two processes cannot both win.

        Args:
            key: the hash of line and callee.
            call_id: who claims it.
            now_s: wall time.
            if_killed_s: if the process dies before `release`, the key stays taken for this long from now, so that a
                process that is started again and again rings the callee no more often than that.

        Returns:
            None when the key was free and is now ours; else the id of the call that has it, or had it a moment ago.
        """
        ...

    @abstractmethod
    async def release(self, key: str, call_id: str, now_s: float, hold_s: float) -> None:
        """The call is over: `key` stays taken for `hold_s` more from wall time `now_s`, and not longer even if the
        clock is set back meanwhile. Does nothing if `call_id` does not have the key."""
        ...
