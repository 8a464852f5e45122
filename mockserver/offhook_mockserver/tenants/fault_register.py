"""The faults of one tenant that are not undone: who is notified of them, and which one applies next."""

from __future__ import annotations

import logging
from collections import deque
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol, TypedDict, TypeVar

from offhook.arguments import check_text, check_whole, wrong
from offhook.errors import CallStateError, ConfigError
from offhook.interfaces import e164
from offhook.wording import nearest_name, quoted
from offhook_mockserver.tenants.fault import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from offhook_mockserver.tenants.effects import Effect

#: pytest shows the line of the test, and none of ours.
__tracebackhide__: Final = True

_E = TypeVar("_E", bound="Effect")
_T = TypeVar("_T")
_Name = TypeVar("_Name", bound=StrEnum)

_log = logging.getLogger(__name__)

#: The path of a request to start a call, which faults are for unless they name another; and the one that means all.
START_CALL: Final = "/facetime/start-call"
EVERY_PATH: Final = "*"
#: Faults of one tenant that may be active at once.
MOST_FAULTS: Final = 100
#: Faults that are kept when they are used up, for those who ask what has become of them.
MOST_USED_UP: Final = 20
#: How many faults of one tenant are kept, the latest ones.
_MOST_KEPT: Final = 1000


class ExchangeLimits(TypedDict, total=False):
    """What a fault of a grant applies to, and what limits those of exchanges over HTTP as well.

    Attributes:
        times: how often it is applied at most; None for any number.
        to: the number whose calls it applies to; None for all.
    """

    times: int | None
    to: str | None


class RequestLimits(ExchangeLimits, total=False):
    """What a fault of an exchange over HTTP applies to.

    Attributes:
        path: the path of the operation that it applies to, as the OpenAPI document has it, for example
            ``/api/lines``; ``*`` for all operations, None for start-call.
    """

    path: str | None


class CallLimits(ExchangeLimits, total=False):
    """What a fault of a channel or of media applies to.

    Attributes:
        channel: the channel that it applies to; None for all.
    """

    channel: str | None


class OnLoop(Protocol):
    """Calls a function on the mock's loop and returns what it returns."""

    def __call__(self, body: Callable[[], _T], /) -> _T: ...


class FaultWatcher(Protocol):
    """Is notified of a tenant's faults. Its methods must not raise."""

    def fault_made(self, fault: Fault) -> None: ...

    def fault_undone(self, fault: Fault) -> None: ...


class FaultRegister:
    """Holds the faults of a tenant.

    Args:
        on_applied: called with each application: the fault, what happened, for people, and the number and the channel
            of the call, or None where there is none.

    Attributes:
        on_applied: see above.
        on_loop: how faults that are made or undone reach the loop of the mock; by default, they are there already.
        known_paths: returns the paths that faults of requests may name, with those under which an operation is
            declared; none if they are not known, and any may be named.
    """

    def __init__(self, on_applied: Callable[[Fault, str, str | None, str | None], None] | None = None) -> None:
        self.on_applied: Callable[[Fault, str, str | None, str | None], None] | None = on_applied
        self.on_loop: OnLoop = _directly
        self.known_paths: Callable[[], Mapping[str, str]] = dict
        self._faults: dict[str, Fault] = {}
        self._used_up: deque[Fault] = deque(maxlen=MOST_USED_UP)
        self._all: deque[Fault] = deque(maxlen=_MOST_KEPT)
        self._watchers: list[FaultWatcher] = []
        self._made = 0
        self._closed = False

    @property
    def active(self) -> tuple[Fault, ...]:
        """The active faults, oldest first."""
        # Of a copy: a test may ask from another thread than the loop's.
        return tuple(fault for fault in tuple(self._faults.values()) if fault.active)

    @property
    def used_up(self) -> tuple[Fault, ...]:
        """The latest faults that were applied as often as they allow, oldest first, until `clear`; at most 20."""
        return tuple(self._used_up)

    @property
    def made(self) -> tuple[Fault, ...]:
        """Every fault that was made, those that are over included, oldest first; the latest 1,000."""
        return tuple(self._all)

    def find(self, id: str) -> Fault | None:
        """The active fault with this id, or None."""
        return self._faults.get(id)

    def clear(self) -> None:
        """Undo all faults. Idempotent."""
        self.on_loop(self.end_all)

    def close(self) -> None:
        """Let no more faults be made: the tenant is being removed. Idempotent."""
        self._closed = True

    def end_all(self) -> None:
        """Undo all faults; called on the loop of the mock. Idempotent."""
        for fault in tuple(self._faults.values()):
            fault.end()
        self._used_up.clear()

    def take(
        self, kind: type[_E], what: str, to: str | None, channel: str | None, *, path: str | None = None
    ) -> _E | None:
        """Apply the next fault of a kind to a call: it is counted.

        Faults with a limited number of applications are first, in the order in which they were made; then the latest
        of the others.

        Args:
            kind: the class of its effect.
            what: what happens, for people.
            to: the number that the call rings; None if that is not known.
            channel: the channel of the call; None before there is one.
            path: the path of the operation, if it is another than start-call.

        Returns:
            Its effect; None if no such fault applies.
        """
        if not self._faults:
            return None
        fault = next(iter(self.matching(kind, to, channel, path)), None)
        if fault is None:
            return None
        self.applied(fault, what, to, channel)
        assert isinstance(fault.effect, kind)
        return fault.effect

    def matching(self, kind: type[Effect], to: str | None, channel: str | None, path: str | None = None) -> list[Fault]:
        """The faults of a kind that apply to a call or a request, the next one first."""
        found = [
            fault
            for fault in self._faults.values()
            if isinstance(fault.effect, kind) and fault.path in {path, EVERY_PATH} and fault.applies(to, channel)
        ]
        limited = [fault for fault in found if fault.times is not None]
        return limited + [fault for fault in reversed(found) if fault.times is None]

    def applied(self, fault: Fault, what: str, to: str | None, channel: str | None) -> None:
        """Count and report an application of a fault."""
        fault.applied()
        if self.on_applied is not None:
            try:
                self.on_applied(fault, what, to, channel)
            except Exception:  # of the test or the program that watches
                _log.exception("the report of fault %s failed", fault.id)

    def watch(self, watcher: FaultWatcher) -> None:
        """Notify `watcher` of the faults that are there, and of each that is made or undone from now on."""
        self._watchers.append(watcher)
        for fault in tuple(self._faults.values()):
            watcher.fault_made(fault)

    def unwatch(self, watcher: FaultWatcher) -> None:
        """Notify `watcher` no more. Idempotent."""
        if watcher in self._watchers:
            self._watchers.remove(watcher)

    def _make(
        self,
        name: str,
        what: str,
        effect: Effect,
        *,
        times: int | None = None,
        to: str | None = None,
        channel: str | None = None,
        path: str | None = None,
    ) -> Fault:
        """Make a fault, active from now on.

        Raises:
            ConfigError: a limit is of the wrong type or out of range, or too many faults are active.
            CallStateError: the tenant was removed.
        """
        if self._closed:
            raise CallStateError("this tenant was removed from the mock, so no fault can be made: create another one")
        if times is not None:
            check_whole(times, "times", least=1)
        if to is not None:
            to = e164(check_text(to, "to", "+14155550123"), "number")
        if channel is not None and not check_text(channel, "channel"):
            raise wrong("channel", "the name of a channel, or None for all", channel)
        path = self._checked_path(path)
        if len(self._faults) >= MOST_FAULTS:
            raise ConfigError(f"{MOST_FAULTS} faults are active, which is the limit: undo some")
        self._made += 1
        fault = Fault(f"f{self._made}", name, what, effect, self, times=times, to=to, channel=channel)
        fault.path = None if path == START_CALL else path

        def add() -> None:
            self._faults[fault.id] = fault
            self._all.append(fault)
            for watcher in tuple(self._watchers):
                watcher.fault_made(fault)

        self.on_loop(add)
        return fault

    def _checked_path(self, path: str | None) -> str | None:
        if path is None or path == EVERY_PATH:
            return path
        if not check_text(path, "path", "/api/lines").startswith("/"):
            raise wrong("path", "the path of an operation, such as /api/lines, * for all, or None for start-call", path)
        known_paths = self.known_paths()
        if not known_paths:
            return path
        if path not in known_paths:
            fitting = [known for known in known_paths if _fits(path, known)]
            near = nearest_name(path, known_paths) if not fitting else f"; did you mean {fitting[0]}?"
            problem = f"no operation has the path {quoted(path)}, so the fault would never be applied"
            raise ConfigError(f"{problem}{near or '; name it as the OpenAPI document does, for example /api/lines'}")
        return known_paths[path]

    def forget(self, fault: Fault) -> None:
        """A fault has ended: notify the watchers. Called on the loop, once for each fault."""
        if self._faults.pop(fault.id, None) is not None and fault.spent:
            self._used_up.append(fault)
        for watcher in tuple(self._watchers):
            watcher.fault_undone(fault)


def _fits(path: str, declared: str) -> bool:
    """Whether a path has values where a declared one has names."""
    parts, wanted = path.split("/"), declared.split("/")
    return len(parts) == len(wanted) and all(
        part == name or name.startswith("{") for part, name in zip(parts, wanted, strict=True)
    )


def _directly(body: Callable[[], _T], /) -> _T:
    return body()


def named(given: object, name: str, kinds: type[_Name]) -> _Name:
    """Check a member of an enumeration, or its value as text, with blanks, hyphens or underscores between the words.

    Raises:
        ConfigError: it is neither.
    """
    if isinstance(given, kinds):
        return given
    if isinstance(given, str):
        plain = given.replace("-", "_").replace(" ", "_")
        for kind in kinds:
            if kind.replace(" ", "_") == plain:
                return kind
    near = nearest_name(given, list(kinds)) if isinstance(given, str) else ""
    raise wrong(name, "one of " + ", ".join(repr(kind.value) for kind in kinds) + near, given)
