"""One call of a tenant, its events, and what is kept of it when it has ended."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Final, cast

from offhook.arguments import check_whole, wrong
from offhook.errors import ConfigError
from offhook_mockserver.callees.ends import CalleeEnd
from offhook_mockserver.tenants.entry import clean_text, cut

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping
    from typing import Self

    from offhook.interfaces import Ids
    from offhook_mockserver.callees.callee import Callee
    from offhook_mockserver.rooms.room import Room
    from offhook_mockserver.tenants.entry import Json


#: Counters that stay zero in a healthy call.
_LOSSES: Final = (
    "malformed",
    "misnumbered",
    "audio_dropped",
    "frames_too_fast",
    "frames_unrecorded",
    "echo_dropped",
    "packets_stray",
    "srtp_errors",
    "packets_early",
    "packets_unsent",
    "audio_too_fast",
)
#: Ends of a callee's part that follow from its caller not being there any more.
_CALLER_IS_GONE: Final = frozenset({CalleeEnd.CALLER_LEFT, CalleeEnd.CALLER_DROPPED, CalleeEnd.GIVEN_UP})
#: How texts of ends begin that need an article within a sentence.
_SIDES: Final = ("caller", "callee", "channel")
#: How many of its last events are kept of an ended call, and how much of each.
_EVENTS_KEPT: Final = 20
_EVENT_CHARACTERS: Final = 80
#: How many events are kept of a live call; when there are more, the older half is dropped.
_MOST_EVENTS: Final = 2000


@dataclass(frozen=True, slots=True)
class CallEvent:
    """An event of a call.

    Attributes:
        wall_s: when it happened, in seconds since 1970.
        channel: the channel of the call.
        number: the number that the call rings, masked.
        what: what happened, for people.
    """

    wall_s: float
    channel: str
    number: str
    what: str


@dataclass(slots=True)
class MockCall:
    """One call, as the server sees it.

    Attributes:
        channel: its channel, which is its only name on Sendblue.
        to: the number that it rings.
        from_number: the line that it is from.
        room: where caller and callee meet.
        callee: the callee that it rings.
        ids: its randomness, which follows from the tenant's seed and the number of the call.
        started_wall_s: when it was started, in seconds since 1970, by the tenant's clock.
        answered_wall_s: when the callee answered, likewise; None before that.
        events: what happened, in order; of more than 2,000, the latest.
        end: how the callee's part ended; None before that.
        problem: why the callee's script failed, if that is how its part ended; else empty.
        why_caller_left: why the last caller is not in the channel any more, for people, if that is known; else empty.
        task: owns the room and the callee, until all members have left.
    """

    channel: str
    to: str
    from_number: str
    room: Room
    callee: Callee
    ids: Ids
    started_wall_s: float
    answered_wall_s: float | None = None
    events: list[str] = field(default_factory=list[str])
    end: CalleeEnd | None = None
    problem: str = ""
    why_caller_left: str = ""
    task: asyncio.Task[None] | None = field(default=None, repr=False)

    def note(self, what: str) -> None:
        """Add an event."""
        if len(self.events) >= _MOST_EVENTS:
            del self.events[: _MOST_EVENTS // 2]
        self.events.append(what)

    @property
    def end_text(self) -> str:
        """How the callee's part ended, for people; empty before that."""
        if self.end is None:
            return ""
        return self.why_caller_left if self.why_caller_left and self.end in _CALLER_IS_GONE else self.end.text

    def how_ended(self, *, over: bool = False) -> str:
        """Say who ended the call, and when: ``the caller hung up 5.70 s after the answer``; empty while it goes on.

        Args:
            over: whether all members have left, which is an end even if the callee's part had none.
        """
        text = self.end_text or (CalleeEnd.ROOM_CLOSED.text if over else "")
        if text.startswith(_SIDES):
            text = f"the {text}"
        lasted_s = self.callee.lasted_s
        return f"{text} {lasted_s:.2f} s after the answer" if text and lasted_s is not None else text

    def counters(self) -> dict[str, int]:
        """The counters of the room and of the callee."""
        room = {**asdict(self.room.counters), "frames_concealed": self.room.frames_concealed}
        return {**room, **self.callee.counters()}

    def losses(self) -> dict[str, int]:
        """The counters that stay zero in a healthy call and are above zero in this one."""
        return _losses(self.counters())

    def ended(self) -> EndedCall:
        """What is kept of the call. It holds neither the room nor the callee, and so none of their media."""
        events = [event[:_EVENT_CHARACTERS] for event in self.events[-_EVENTS_KEPT:]]
        return EndedCall(self.channel, self.to, self.from_number, events, self.end, self.counters())


@dataclass(frozen=True, slots=True)
class EndedCall:
    """What a tenant knows of a call that has ended, in about 2 kB.

    Attributes:
        channel: the channel that it had.
        to: the number that it rang.
        from_number: the line that it was from.
        events: what happened last, in order: at most 20 events of at most 80 characters.
        end: how the callee's part ended.
    """

    channel: str
    to: str
    from_number: str
    events: list[str]
    end: CalleeEnd | None
    _counters: dict[str, int]

    def counters(self) -> dict[str, int]:
        """The last counters of its room and its callee."""
        return dict(self._counters)

    def losses(self) -> dict[str, int]:
        """The counters that stay zero in a healthy call and are above zero in this one."""
        return _losses(self._counters)

    def to_json(self) -> dict[str, Json]:
        """The call as an object of JSON; secrets in it are redacted, and numbers masked."""
        return {
            "channel": self.channel,
            "to": clean_text(self.to),
            "from_number": clean_text(self.from_number),
            "events": [clean_text(event) for event in self.events],
            "end": None if self.end is None else self.end.value,
            "counters": dict(self._counters),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Json]) -> Self:
        """The call that `to_json` returned.

        Raises:
            ConfigError: it is not such an object.
        """
        try:
            end = document["end"]
            return cls(
                channel=str(document["channel"]),
                to=str(document["to"]),
                from_number=str(document["from_number"]),
                events=[str(event) for event in cast("list[Json]", document["events"])],
                end=None if end is None else CalleeEnd(end),
                _counters={
                    str(name): check_whole(count, "a counter")
                    for name, count in cast("Mapping[str, Json]", document["counters"]).items()
                },
            )
        except (KeyError, TypeError, ValueError, AttributeError, ConfigError) as error:
            problem = f"what EndedCall.to_json() returned ({cut(repr(error))})"
            raise wrong("an ended call", problem, document) from None


def _losses(counters: dict[str, int]) -> dict[str, int]:
    return {name: counters[name] for name in _LOSSES if counters.get(name)}
