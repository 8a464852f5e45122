"""The events of an account: their ids, their times, and what a reader that is late gets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from offhook.errors import ConfigError
from offhook.testing import LoopClock, run_virtual
from offhook_mockserver.tenants.account.events import EVENT_TYPES, MOST_EVENTS, AccountEvents

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = "2001-09-09T01:46:40.000Z"
LATER = "2001-09-09T02:00:00.000Z"
LINE = "+18885550199"


def with_events(test: Callable[[AccountEvents], object]) -> None:
    async def main() -> None:
        test(AccountEvents(LoopClock(1_000_000_000.0)))

    run_virtual(main())


@pytest.mark.parametrize(
    ("type", "data", "id", "occurred_at"),
    [
        ("message.received", {"message_id": "m1", "updated_at": LATER}, "message:m1:received", NOW),
        ("message.created", {"message_id": "m1"}, "message:m1:created", NOW),
        ("message.updated", {"message_id": "m1", "updated_at": LATER}, f"message:m1:updated:{LATER}", LATER),
        ("message.updated", {"message_id": "m1"}, f"message:m1:updated:{NOW}", NOW),
        ("contact.created", {"contact_id": "c1", "created_at": LATER}, f"contact:c1:created:{LATER}", LATER),
        (
            "line.status.changed",
            {"worker_id": "w1", "status": "ACTIVE", "status_changed_at": LATER},
            f"line:w1:status:ACTIVE:{LATER}",
            LATER,
        ),
        ("line.blocked", {"worker_id": "w1"}, f"line:w1:blocked:{NOW}", NOW),
        ("verification.approved", {"verification_sid": "v1", "status": "approved"}, "verification:v1:approved", NOW),
        ("typing.changed", {"number": "+14155550101"}, f"typing:+14155550101:changed:{NOW}", NOW),
    ],
)
def test_ids_follow_the_patterns_of_sendblues_client(
    type: str, data: dict[str, Any], id: str, occurred_at: str
) -> None:
    def test(events: AccountEvents) -> None:
        event = events.emit(type, data)
        assert event.to_json() == {"version": 1, "id": id, "type": type, "occurred_at": occurred_at, "data": data}

    with_events(test)


def test_an_unknown_type_is_rejected_with_the_nearest() -> None:
    def test(events: AccountEvents) -> None:
        with pytest.raises(ConfigError, match=r"message\.recieved.*[Dd]id you mean.*message\.received"):
            events.emit("message.recieved", {})

    with_events(test)


def test_an_event_keeps_its_line_and_a_copy_of_its_data() -> None:
    def test(events: AccountEvents) -> None:
        message: dict[str, Any] = {"status": "QUEUED"}
        event = events.emit("message.updated", {"message_id": "m1", "message": message, "sendblue_number": LINE})
        message["status"] = "SENT"
        assert event.line == LINE
        assert event.data["message"] == {"status": "QUEUED"}
        assert events.emit("line.blocked", {"worker_id": "w1"}, line=LINE).line == LINE
        assert events.emit("contact.created", {"contact_id": "c1"}).line == ""

    with_events(test)


def test_a_reader_gets_what_is_kept_and_learns_how_many_were_dropped() -> None:
    def test(events: AccountEvents) -> None:
        woken: list[None] = []
        stop = events.watch(lambda: woken.append(None))
        for number in range(MOST_EVENTS + 7):
            events.emit("typing.changed", {"number": str(number)})
        stop()
        events.emit(EVENT_TYPES[0], {})
        assert len(woken) == MOST_EVENTS + 7
        assert len(events.recent) == MOST_EVENTS
        dropped, read = events.after(3, 2)
        assert (dropped, [event.data["number"] for event in read]) == (5, ["8", "9"])
        assert events.after(events.emitted - 1, 10) == (0, events.recent[-1:])
        assert events.after(events.emitted, 10) == (0, ())

    with_events(test)
