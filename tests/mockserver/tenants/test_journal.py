"""The journal of a tenant: what it keeps, for how long, and what it says when nothing matched."""

from __future__ import annotations

import asyncio
import json
import math
import re
import sys
from typing import TYPE_CHECKING

import pytest

from offhook.errors import CallStateError, ConfigError, WaitTimeout
from offhook.secret import Secret
from offhook.session import Grade
from offhook.testing import LoopClock, run_virtual
from offhook_mockserver.server import Entry, EntryKind, Journal, NotSeen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from offhook_mockserver.tenants.entry import Json

NUMBER = "+14155550123"


def with_journal(test: Callable[[Journal], Awaitable[None]], **limits: int) -> None:
    async def main() -> None:
        await test(Journal(LoopClock(1_000_000.0), **limits))

    run_virtual(main())


def test_an_entry_holds_what_happened_when_and_how_certain_it_is() -> None:
    async def test(journal: Journal) -> None:
        await asyncio.sleep(2)
        first = journal.add(EntryKind.NOTE, "one")
        await asyncio.sleep(3)
        fields = {"event": "started", "from_number": "+18885550199"}
        entry = journal.add(
            EntryKind.CALL, f"a call to {NUMBER}", channel="c", number=NUMBER, fields=fields, grade=Grade.ASSUMED
        )
        assert entry == Entry(
            index=1,
            wall_s=1_000_005.0,
            at_s=3.0,
            kind=EntryKind.CALL,
            channel="c",
            number="+1415•••0123",
            text="a call to +1415•••0123",
            fields={"event": "started", "from_number": "+1888•••0199"},
            grade=Grade.ASSUMED,
        )
        assert journal.entries == (first, entry)
        assert str(entry) == "#1 3.000 s call started: a call to +1415•••0123"

    with_journal(test)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ([], "fields must be a mapping of names to what JSON can hold, got list"),
        ({1: "x"}, "a name in fields must be text, got 1"),
        ({"x": [{"y": b"z"}]}, "a value in fields must be text, a number, .* or a dict, got bytes"),
        ({"x": {1, 2}}, "a value in fields must be text, a number, .* or a dict, got set"),
    ],
)
def test_fields_are_what_json_can_hold(fields: Mapping[str, Json], says: str) -> None:
    async def test(journal: Journal) -> None:
        with pytest.raises(ConfigError, match=says):
            journal.add(EntryKind.NOTE, "x", fields=fields)
        assert len(journal) == 0

    with_journal(test)


@pytest.mark.fault("F56")
def test_it_holds_no_secret_whatever_is_added() -> None:
    secret = Secret("a-very-secret-value")
    token = "007eJxTYLh8cW1fhsyuO1eqZ4wOzy1jZVhk2d1YGFAp"

    async def test(journal: Journal) -> None:
        value = secret.reveal()
        entry = journal.add(
            EntryKind.REQUEST,
            f"sent {value} and {token}",
            fields={
                "body": {"note": value, value: 1, "list": [value, token], "apiKey": "unregistered", "token": "x"},
                "token_hash": "ab12cd34",
                "deep": {"a": {"b": [{"Authorization": "Bearer unregistered"}]}},
            },
        )
        shown = f"{entry!r} {entry} {entry.to_json()}"
        assert value not in shown
        assert "unregistered" not in shown
        assert token not in shown
        assert entry.fields["token_hash"] == "ab12cd34"

    with_journal(test)


def test_texts_fields_and_their_depth_have_limits() -> None:
    async def test(journal: Journal) -> None:
        deep: dict[str, object] = {}
        inner = deep
        for _ in range(50):
            inner["more"] = inner = {}
        entry = journal.add(
            EntryKind.NOTE,
            "x" * 100_000,
            fields={
                "text": "y" * 100_000,
                "deep": deep,  # type: ignore[dict-item]
                "list": ["z" * 50] * 10_000,
                "names": {f"name {index}": index for index in range(10_000)},
                "none": None,
                "float": 0.5,
            },
        )
        assert len(entry.text) == 1000
        assert len(repr(entry.fields)) < 30_000
        assert entry.fields["deep"] == {"more": {"more": {"more": {"more": {"more": "…"}}}}}
        assert journal.bytes < 60_000

    with_journal(test)


def test_a_line_shows_the_end_of_a_sentence_which_says_what_to_do() -> None:
    async def test(journal: Journal) -> None:
        reason = "webhook call_log wh_1 to http://127.0.0.1:9/hooks: " + "w" * 240 + ", so pass the application"
        assert str(journal.add(EntryKind.WEBHOOK, reason)) == f"#0 0.000 s webhook: {reason}"
        line = str(journal.add(EntryKind.WEBHOOK, reason.replace("w" * 240, "w" * 800)))
        assert line.startswith("#1 0.000 s webhook: webhook call_log wh_1 to http://127.0.0.1:9/hooks: www")
        assert line.endswith("www, so pass the application")
        assert "www…www" in line
        assert len(line) < 400

    with_journal(test)


def test_a_secret_is_found_also_where_the_text_is_cut() -> None:
    secret = Secret("a-very-secret-value")

    async def test(journal: Journal) -> None:
        text = "x" * 990 + secret.reveal()
        assert "a-very" not in journal.add(EntryKind.NOTE, text, fields={"text": text}).text

    with_journal(test)


@pytest.mark.fault("F45")
def test_the_oldest_entries_are_dropped_at_the_limits_and_counted() -> None:
    async def by_count(journal: Journal) -> None:
        for index in range(10):
            journal.add(EntryKind.NOTE, str(index))
        assert [entry.index for entry in journal.entries] == [7, 8, 9]
        assert (journal.dropped, len(journal)) == (7, 3)

    async def by_bytes(journal: Journal) -> None:
        for index in range(1000):
            journal.add(EntryKind.NOTE, "x" * 500, fields={"index": index})
            assert journal.bytes <= 20_000
        assert journal.dropped == 1000 - len(journal)
        assert journal.entries[-1].index == 999

    async def one(journal: Journal) -> None:
        journal.add(EntryKind.NOTE, "small")
        journal.add(EntryKind.NOTE, "x" * 900)
        assert [entry.index for entry in journal.entries] == [1], "the newest is kept in any case"

    with_journal(by_count, most_entries=3)
    with_journal(by_bytes, most_bytes=20_000)
    with_journal(one, most_bytes=100)


@pytest.mark.parametrize("limits", [{"most_entries": 0}, {"most_bytes": -1}, {"most_entries": 1.5}])
def test_a_limit_is_a_whole_number(limits: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=r"must be (a whole number|at least 1)"):
        Journal(LoopClock(), **limits)


def filled(journal: Journal) -> list[Entry]:
    return [
        journal.add(EntryKind.REQUEST, "POST /facetime/start-call: 200", channel="a", number=NUMBER),
        journal.add(EntryKind.CALLEE, "ringing", channel="a", number=NUMBER, fields={"code": "ringing", "at_s": None}),
        journal.add(EntryKind.CALLEE, "Answered", channel="a", number=NUMBER, fields={"code": "answered", "at_s": 0}),
        journal.add(EntryKind.CALLEE, "ringing", channel="b", number="+14155550999", fields={"code": "ringing"}),
    ]


def test_it_can_be_searched_by_each_criterion_and_by_several() -> None:
    async def test(journal: Journal) -> None:
        request, ringing, answered, other = filled(journal)
        search = journal.search
        assert search() == (request, ringing, answered, other)
        assert search(kind=EntryKind.CALLEE) == search(kind="callee") == (ringing, answered, other)
        assert search(channel="b") == (other,)
        assert search(number=NUMBER) == search(number="+1415•••0123") == (request, ringing, answered)
        assert search(text="answered") == (answered,), "in upper or lower case"
        assert search(text=re.compile("^ring")) == (ringing, other)
        assert search(since=answered) == search(since=2) == (other,)
        assert search(where={"code": "ringing"}) == (ringing, other)
        assert search(where={"at_s": None, "code": "ringing"}) == (ringing,)
        assert search(where=lambda entry: entry.index % 2) == (ringing, other)
        assert search(kind="callee", number=NUMBER, text="ring", since=request) == (ringing,)

    with_journal(test)


def test_a_number_can_be_looked_for_in_texts() -> None:
    async def test(journal: Journal) -> None:
        journal.add(EntryKind.NOTE, f"fromNumber {NUMBER} is not a line")
        journal.add(EntryKind.NOTE, "a request", fields={"to": NUMBER})
        assert len(journal.search(text=NUMBER)) == 1
        assert len(journal.search(where={"to": NUMBER})) == 1

    with_journal(test)


@pytest.mark.parametrize(
    ("criteria", "message"),
    [
        ({"kind": "calee"}, "kind must be an EntryKind, or one of request, .* got 'calee'. Did you mean callee?"),
        ({"kind": 7}, "kind must be an EntryKind"),
        ({"channel": 7}, "channel must be text"),
        ({"number": 14155550123}, "number must be text"),
        ({"text": 7}, "text must be text or a compiled regular expression"),
        ({"text": re.compile(b"x")}, "text must be text or a compiled regular expression for text"),
        ({"since": "1"}, "since must be an entry, or the index of one"),
        ({"where": 7}, "where must be fields with their values, or a function"),
        ({"where": {1: 2}}, "a name in where must be text"),
    ],
)
def test_a_criterion_of_the_wrong_type_is_refused(criteria: dict[str, object], message: str) -> None:
    async def test(journal: Journal) -> None:
        with pytest.raises(ConfigError, match=message):
            journal.search(**criteria)  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match=message):
            await journal.wait_for(timeout_s=1, **criteria)  # type: ignore[arg-type]

    with_journal(test)


def test_a_wait_returns_an_entry_that_is_there_or_that_comes() -> None:
    async def test(journal: Journal) -> None:
        loop = asyncio.get_running_loop()
        _, ringing, _, other = filled(journal)
        assert await journal.wait_for(text="ringing", timeout_s=0) is ringing
        assert await journal.wait_for(text="ringing", count=2, timeout_s=0) is other
        loop.call_later(1, filled, journal)
        assert (await journal.wait_for(text="ringing", count=3, timeout_s=5)).index == 5
        assert loop.time() == 1
        loop.call_later(1, filled, journal)
        assert (await journal.wait_for(text="ringing", since=other, count=3, timeout_s=5)).index == 9

    with_journal(test)


def test_a_wait_that_ends_without_a_match_shows_the_nearest_and_what_each_missed() -> None:
    async def test(journal: Journal) -> None:
        filled(journal)
        with pytest.raises(NotSeen) as raised:
            await journal.wait_for(
                kind="callee", number=NUMBER, text="declined", where={"code": "declined", "codes": 1}, timeout_s=2.5
            )
        lines = raised.value.message.splitlines()
        assert lines[0] == (
            "the journal did not get an entry with kind='callee', number='+1415•••0123', text='declined', "
            "where code='declined', where codes=1 within 2.5 s. The nearest of 4 entries:"
        )
        assert lines[1:3] == [
            "  #2 0.000 s callee answered: Answered",
            "    but its text differs and its field code is 'answered' and it has no field 'codes'; did you mean code?",
        ]
        assert lines[3].startswith("  #1 ")
        assert len(lines) == 7
        assert asyncio.get_running_loop().time() == 2.5
        assert isinstance(raised.value, WaitTimeout)
        assert raised.value.code == "not_seen"

    with_journal(test)


@pytest.mark.parametrize(
    ("criteria", "why"),
    [
        ({"kind": "fault"}, "but its kind is 'callee'"),
        ({"channel": "c"}, "but its channel is 'b'"),
        ({"number": "+14155550000"}, "but its number is '+1415\\u2022\\u2022\\u20220999'"),
        ({"text": re.compile("x+y")}, "text=/x+y/ within"),
        ({"since": 17}, "but it is not after #17"),
        ({"where": lambda entry: False}, "but <lambda> returned a false value"),
    ],
)
def test_each_criterion_says_why_an_entry_missed_it(criteria: dict[str, object], why: str) -> None:
    async def test(journal: Journal) -> None:
        filled(journal)
        with pytest.raises(NotSeen, match=re.escape(why)):
            await journal.wait_for(timeout_s=0, **criteria)  # type: ignore[arg-type]

    with_journal(test)


def test_too_few_matches_are_counted() -> None:
    async def test(journal: Journal) -> None:
        filled(journal)
        with pytest.raises(NotSeen, match=r"did not get 3 entries with text='ringing' within 1 s; 2 matched"):
            await journal.wait_for(text="ringing", count=3, timeout_s=1)

    with_journal(test)


def test_an_empty_journal_and_one_that_dropped_entries_say_so() -> None:
    async def empty(journal: Journal) -> None:
        with pytest.raises(NotSeen, match=r"did not get an entry within 0 s. The journal is empty: no request"):
            await journal.wait_for(timeout_s=0)

    async def dropped(journal: Journal) -> None:
        filled(journal)
        with pytest.raises(NotSeen, match=r"\(2 earlier entries were dropped at the journal's limits\)"):
            await journal.wait_for(text="POST", timeout_s=0)

    with_journal(empty)
    with_journal(dropped, most_entries=2)


def test_an_error_of_a_tests_own_function_is_raised_in_its_wait() -> None:
    def broken(entry: Entry) -> bool:
        raise RuntimeError("a mistake of the test")

    async def test(journal: Journal) -> None:
        waiting = asyncio.create_task(journal.wait_for(where=broken, timeout_s=5))
        cancelled = asyncio.create_task(journal.wait_for(where=broken, timeout_s=5))
        await asyncio.sleep(0)
        journal.add(EntryKind.NOTE, "one")
        cancelled.cancel()
        with pytest.raises(RuntimeError, match="a mistake of the test"):
            await waiting
        with pytest.raises(asyncio.CancelledError):
            await cancelled

    with_journal(test)


def test_waits_are_bounded_and_end_when_the_tenant_is_removed() -> None:
    async def test(journal: Journal) -> None:
        waits = [asyncio.create_task(journal.wait_for(text="never", timeout_s=100)) for _ in range(1000)]
        await asyncio.sleep(0.1)
        with pytest.raises(CallStateError, match="1000 tasks wait for this journal, which is the limit"):
            await journal.wait_for(text="never", timeout_s=100)
        journal.close()
        results = await asyncio.gather(*waits, return_exceptions=True)
        assert {type(result) for result in results} == {NotSeen}
        assert "before the tenant was removed" in str(results[0])
        assert asyncio.get_running_loop().time() == pytest.approx(0.1)
        with pytest.raises(NotSeen):
            await journal.wait_for(text="never", timeout_s=100)

    with_journal(test)


def test_a_watcher_is_called_with_each_entry_until_it_stops() -> None:
    async def test(journal: Journal) -> None:
        seen: list[Entry] = []
        stop = journal.watch(seen.append)
        entry = journal.add(EntryKind.NOTE, "one")
        stop()
        stop()
        journal.add(EntryKind.NOTE, "two")
        assert seen == [entry]

    with_journal(test)


def test_entries_go_to_json_and_back() -> None:
    async def test(journal: Journal) -> None:
        entries = filled(journal)
        copied = [Entry.from_json(entry.to_json()) for entry in entries]
        assert copied == entries
        assert entries[0].to_json()["wall"] == "1970-01-12T13:46:40.000Z"
        other = Journal(LoopClock())
        other.restore(copied, dropped=3)
        assert (other.entries, other.dropped) == (tuple(entries), 3)
        assert other.bytes == journal.bytes
        await asyncio.sleep(1)
        added = other.add(EntryKind.NOTE, "later")
        assert added.index == 4
        with pytest.raises(CallStateError, match="only into an empty journal"):
            other.restore(copied, dropped=0)

    with_journal(test)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "nonsense"},
        {"index": "x"},
        {"index": math.inf},
        {"wall_s": math.nan},
        {"wall_s": 1e30},
        {"at_s": math.inf},
        {"fields": 3},
        {"text": None},
        {"grade": ""},
        {"grade": "x" * 5000},
    ],
)
def test_an_object_that_is_not_an_entry_is_refused(change: dict[str, object]) -> None:
    async def test(journal: Journal) -> None:
        document = {**journal.add(EntryKind.NOTE, "one").to_json(), **change}
        with pytest.raises(ConfigError, match=r"an entry of the journal must be what Entry.to_json\(\) retu") as raised:
            Entry.from_json(document)  # type: ignore[arg-type]
        assert len(raised.value.message) < 300

    with_journal(test)


@pytest.mark.fault("F56")
def test_values_under_names_of_secrets_are_masked_whatever_they_are() -> None:
    async def test(journal: Journal) -> None:
        secret = "hunter-two"
        fields: dict[str, Json] = {
            "password": [secret],
            "authorization": {"scheme": secret},
            "apiKey": 12_345_678,
            "token": None,
        }
        entry = journal.add(EntryKind.REQUEST, "a request", fields={"body": {**fields, "token_hash": "ab"}})
        assert entry.fields["body"] == {
            "password": "[secret]",
            "authorization": "[secret]",
            "apiKey": "[secret]",
            "token": None,
            "token_hash": "ab",
        }

    with_journal(test)


def test_every_entry_can_be_written_as_json() -> None:
    async def test(journal: Journal) -> None:
        entry = journal.add(
            EntryKind.NOTE, "numbers", fields={"a": math.nan, "b": [-math.inf], "c": 10**5000, "d": 1.5}
        )
        assert entry.fields == {"a": "nan", "b": ["-inf"], "c": "an integer of more than 20 digits", "d": 1.5}
        json.dumps(entry.to_json(), allow_nan=False)

    with_journal(test)


@pytest.mark.fault("F45")
def test_wide_characters_count_as_what_they_take() -> None:
    async def test(journal: Journal) -> None:
        wide = "\N{GRINNING FACE}" * 500
        entry = journal.add(EntryKind.NOTE, wide, fields={"a": wide})
        assert journal.bytes > 2 * sys.getsizeof(entry.text) > 4000

    with_journal(test)


@pytest.mark.fault("F45")
def test_many_short_values_count_against_the_limit_of_an_entry() -> None:
    async def test(journal: Journal) -> None:
        entry = journal.add(EntryKind.NOTE, "many", fields={"list": [0] * 32_000})
        kept = entry.fields["list"]
        assert isinstance(kept, list)
        assert kept[-1] == "…"
        assert len(kept) < 1_000

    with_journal(test)
