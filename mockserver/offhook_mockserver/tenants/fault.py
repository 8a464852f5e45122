"""One fault of a tenant: what it applies to, how often it was applied, and how it is undone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, Self

from offhook.interfaces import mask
from offhook.wording import printable

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from offhook_mockserver.tenants.effects import Effect
    from offhook_wire.impairment import Impairment

#: pytest shows the line of the test, and none of ours.
__tracebackhide__: Final = True


class FaultOwner(Protocol):
    """What a fault needs of the register that holds it."""

    @property
    def on_loop(self) -> Callable[[Callable[[], None]], None]:
        """Calls a function on the loop of the mock."""
        ...

    def forget(self, fault: Fault) -> None:
        """Called on that loop when the fault has ended."""
        ...


class Fault:
    """A fault, active from the moment when it is made. Made by the methods of `Faults`.

    As a context manager it is undone at the end of the block; without one, call `undo`, or let the tenant end.

    Args:
        id: its name among the faults of the tenant.
        name: its kind, such as ``lost_answer``.
        what: what it does, for people.
        effect: what it does, as data.
        owner: the register that holds it.
        times: how often it is applied at most; None for any number.
        to: the number whose calls it applies to; None for all.
        channel: the channel that it applies to; None for all.

    Attributes:
        id, name, what, effect, times, to, channel: see above.
        path: the path of the operation whose requests it happens to; ``*`` for all, None for start-call.
        count: how often it was applied.
        impairments: those of the clients that it impairs, or impaired until it was undone.
        begun: whether a fault of media has impaired anything yet, so that its time runs.
    """

    def __init__(
        self,
        id: str,
        name: str,
        what: str,
        effect: Effect,
        owner: FaultOwner,
        *,
        times: int | None,
        to: str | None,
        channel: str | None,
    ) -> None:
        self.id = id
        self.name = name
        self.what = what
        self.effect = effect
        self.times = times
        self.to = to
        self.channel = channel
        self.path: str | None = None
        self.count: int = 0
        self.impairments: list[Impairment] = []
        self.begun = False
        self._owner = owner
        self._undone = False
        #: The counts of clients that have left.
        self._carried = self._lost = self._duplicated = 0

    def __repr__(self) -> str:
        state = "active" if self.active else "over"
        return f"<Fault {self.id} {self}, applied {self.count} times, {state}>"

    def __str__(self) -> str:
        limits = [
            "" if self.to is None else f"for {mask(self.to)}",
            "" if self.channel is None else f"in {printable(self.channel)}",
            "" if self.path is None else f"at {printable(self.path)}",
            "" if self.times is None else f"at most {'once' if self.times == 1 else f'{self.times} times'}",
        ]
        return ", ".join([f"{self.name}: {self.what}", *filter(None, limits)])

    @property
    def active(self) -> bool:
        """Whether it may still be applied, or what it has done lasts."""
        return not self._undone and (self.effect.lasting or not self.spent)

    @property
    def spent(self) -> bool:
        """Whether it was applied as often as `times` allows."""
        return self.times is not None and self.count >= self.times

    @property
    def carried(self) -> int:
        """How many datagrams or frames of media it saw."""
        return self._carried + sum(impairment.carried for impairment in self.impairments)

    @property
    def lost(self) -> int:
        """How many of those it dropped."""
        return self._lost + sum(impairment.lost for impairment in self.impairments)

    @property
    def duplicated(self) -> int:
        """How many of those it delivered twice."""
        return self._duplicated + sum(impairment.duplicated for impairment in self.impairments)

    def settle(self, impairment: Impairment) -> None:
        """Keep no more than the counts of a client's impairment, because it has left. Idempotent."""
        if impairment in self.impairments:
            self.impairments.remove(impairment)
            self._carried += impairment.carried
            self._lost += impairment.lost
            self._duplicated += impairment.duplicated

    @property
    def used(self) -> bool:
        """Whether it has had an effect: it was applied, and one of media saw datagrams or frames."""
        return self.carried > 0 if self.impairments else self.count > 0

    @property
    def summary(self) -> str:
        """What it is and how often it was applied, for people."""
        media = f", on {self.carried} datagrams or frames, of which {self.lost} were lost" if self.impairments else ""
        return f"{self}: applied {self.count} times{media}"

    def concerns(self, to: str | None, channel: str | None) -> bool:
        """Whether it is about a call.

        Args:
            to: the number that the call rings; None while that is not known.
            channel: the channel of the call; None before there is one.
        """
        return self.to in {None, to} and (self.channel is None or self.channel == channel)

    def applies(self, to: str | None, channel: str | None) -> bool:
        """Whether it can be applied once more to a call; for the arguments see `concerns`."""
        return not self._undone and not self.spent and self.concerns(to, channel)

    def applied(self) -> None:
        """Count one application."""
        self.count += 1
        if self.spent and not self.effect.lasting:
            self.end()

    def end(self) -> None:
        """Undo it; called on the loop of the mock. Idempotent."""
        if not self._undone:
            self._undone = True
            self._owner.forget(self)

    def undo(self) -> None:
        """Undo it: joins that it holds go on, and nothing is impaired any more. Idempotent.

        An answer over HTTP that is late, or is sent slowly, when it is undone remains so.
        """
        self._owner.on_loop(self.end)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.undo()
