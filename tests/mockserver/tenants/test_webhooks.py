"""Webhooks of a tenant: delivered, attempted again, dead in the end, replayed, dropped; and receivers that fail."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from typing import TYPE_CHECKING, Any

import pytest
from tests.mockserver.tenants.hooks import OK, URL, Posts, Receiver, hooked
from tests.mockserver.tenants.scene import NUMBER, mock_with, on

from offhook.errors import ConfigError
from offhook.secret import Secret
from offhook_mockserver.server import Delivery, DeliveryState, InProcessMock, TenantBounds, TenantSettings
from offhook_mockserver.tenants.webhooks import dispatcher, webhooks
from offhook_mockserver.tenants.webhooks.hooks import Hook

if TYPE_CHECKING:
    from collections.abc import Callable

OTHER_URL = "http://127.0.0.1:10/hooks"


async def settled(mock: InProcessMock) -> None:
    """Let every delivery end that can."""
    while mock.tenant.webhooks.waiting:
        await asyncio.sleep(0.5)


def send(mock: InProcessMock, number: int = 0, *, about: str = "call", type: str = "call_log") -> tuple[Delivery, ...]:
    return mock.tenant.webhooks.send(type, {"number": number}, about=about)


def test_an_event_without_a_webhook_costs_nothing() -> None:
    async def test(mock: InProcessMock) -> None:
        assert send(mock) == ()
        assert mock.tenant.webhooks.deliveries == ()

    on(mock_with, test)


def test_the_secret_is_sent_in_clear_and_shown_nowhere() -> None:
    async def test(mock: InProcessMock) -> None:
        posts = Posts()
        mock.dispatcher.post = posts
        hooks = mock.tenant.webhooks.registrations
        hooks.add("call_log", [Hook(URL, Secret("a secret of one hook")), Hook(OTHER_URL)])
        send(mock)
        await settled(mock)
        hooks.global_secret = Secret("a secret of all")
        send(mock)
        await settled(mock)
        assert [head.get("sb-signing-secret") for head in posts.headers] == [
            "a secret of one hook",
            None,
            "a secret of one hook",
            "a secret of all",
        ]
        assert not any("X-Sendblue-Signature" in head for head in posts.headers)
        shown = [
            *map(str, mock.tenant.journal.entries),
            *map(repr, mock.tenant.webhooks.deliveries),
            repr(hooks.of("call_log")),
        ]
        shown += [str(entry.fields) for entry in mock.tenant.journal.entries]
        shown += [str(delivery.to_json()) for delivery in mock.tenant.webhooks.deliveries]
        shown += [str(mock.tenant.export())]
        assert not any("a secret of" in text for text in shown)

    on(mock_with, test)


def test_a_signature_is_a_setting() -> None:
    async def test(mock: InProcessMock) -> None:
        posts = Posts()
        mock.dispatcher.post = posts
        mock.tenant.webhooks.registrations.add("call_log", [Hook(URL, Secret("sign me")), Hook(OTHER_URL)])
        send(mock)
        await settled(mock)
        signed, unsigned = posts.headers
        assert "X-Sendblue-Signature" not in unsigned
        at, _, digest = signed["X-Sendblue-Signature"].removeprefix("t=").partition(",v1=")
        assert int(at) == int(mock.tenant.clock.wall_s())
        body = mock.tenant.webhooks.deliveries[0].body
        assert digest == hmac.new(b"sign me", f"{at}.".encode() + body, hashlib.sha256).hexdigest()

    on(lambda: mock_with(settings=TenantSettings(webhook_signature=True)), test)


@pytest.mark.fault("F53")
@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b"HTTP/1.1 500 Broken\r\ncontent-length: 0\r\n\r\n", "the answer was 500"),
        (
            b"HTTP/1.1 401 No\r\ncontent-type: application/json\r\ncontent-length: 22\r\n\r\n"
            + b'{"error":\n\x1b "expired"}',
            r'the answer was 401: {"error": \x1b "expired"}',
        ),
        (
            b"HTTP/1.1 302 Away\r\nlocation: http://u:p@example.org/a?key=1\r\ncontent-length: 0\r\n\r\n",
            "the answer was 302, a redirect to http://example.org/a?…, and redirects are not followed: register the "
            "URL that it points to",
        ),
        (b"nonsense\r\n\r\n", "the answer is not one of HTTP"),
        (b"", "the connection was closed before an answer"),
        (b"HTTP/1.1 200", "the connection was closed in the answer"),
        (b"reset", "the connection failed: ConnectionResetError"),
        (None, "no answer within 10 s"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000, "the answer is not one of HTTP"),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n" * 10_000, "the answer begins with more than 65536 bytes of other things"),
    ],
)
def test_a_receiver_that_fails_is_tried_three_times(answer: bytes | None, problem: str) -> None:
    async def test(mock: InProcessMock) -> None:
        async with Receiver(answer).running() as receiver:
            hooked(mock, receiver.url)
            (delivery,) = send(mock)
            await settled(mock)
            assert len(receiver.requests) == delivery.attempts == 3
            assert delivery.state is DeliveryState.DEAD
            assert delivery.problem.startswith(problem)
            assert mock.tenant.webhooks.dead == (delivery,)
            first, second, last = mock.tenant.journal.search(kind="webhook")
            assert [entry.fields["event"] for entry in (first, second, last)] == ["failed", "failed", "dead"]
            assert "the next attempt follows in" in first.text
            assert last.text.endswith("; it is a dead letter after 3 attempts")

    on(mock_with, test)


@pytest.mark.fault("F53")
def test_a_receiver_that_is_gone_is_tried_once() -> None:
    async def test(mock: InProcessMock) -> None:
        posts = Posts(lambda url, event: 410)
        hooked(mock, URL, posts=posts)
        (delivery,) = send(mock)
        await settled(mock)
        assert (delivery.state, delivery.attempts, delivery.status) == (DeliveryState.DEAD, 1, 410)
        assert "after 1 attempt" in mock.tenant.journal.entries[-1].text

    on(mock_with, test)


def test_a_receiver_that_accepts_the_second_time_gets_it_twice() -> None:
    async def test(mock: InProcessMock) -> None:
        broken = b"HTTP/1.1 500 Broken\r\ncontent-length: 0\r\n\r\n"
        async with Receiver(lambda count: broken if count == 1 else OK).running() as receiver:
            hooked(mock, receiver.url)
            (delivery,) = send(mock)
            await settled(mock)
            assert (delivery.state, delivery.attempts, delivery.problem) == (DeliveryState.DELIVERED, 2, "")
            assert receiver.events == [{"number": 0}, {"number": 0}]

    on(mock_with, test)


@pytest.mark.fault("F53")
def test_a_receiver_that_is_down_for_an_hour_gets_everything_in_order() -> None:
    async def test(mock: InProcessMock) -> None:
        up_s = mock.clock.monotonic_s() + 3600
        posts = Posts(lambda url, event: 204 if mock.clock.monotonic_s() >= up_s else 503)
        hooked(mock, URL, posts=posts)
        sent = [send(mock, number)[0] for number in range(3)]
        await settled(mock)
        assert [delivery.state for delivery in sent] == [DeliveryState.DELIVERED] * 3
        assert 3600 <= mock.clock.monotonic_s() < 4100
        assert posts.events[-3:] == [{"number": number} for number in range(3)]
        assert {event["number"] for event in posts.events[:-3]} <= {0}
        assert 17 <= sent[0].attempts <= 30, "pauses double, and stay below 450 s"

    settings = TenantSettings(webhook_attempts=100, webhook_deadline_s=10_000)
    on(lambda: mock_with(settings=settings), test)


def test_the_pauses_follow_the_clock_of_the_tenant_and_end_at_the_deadline() -> None:
    async def test(mock: InProcessMock) -> None:
        posts = Posts(lambda url, event: 503)
        hooked(mock, URL, posts=posts)
        first, second = (send(mock, number)[0] for number in range(2))
        await asyncio.sleep(0.01)
        assert (first.attempts, second.attempts) == (1, 0)
        mock.tenant.clock.advance(100)
        await asyncio.sleep(0.01)
        assert first.attempts == 2
        mock.tenant.clock.advance(3600)
        await settled(mock)
        assert (first.state, second.state) == (DeliveryState.DEAD, DeliveryState.DEAD)
        assert (first.attempts, second.attempts) == (2, 0)
        assert second.problem == "its deadline has passed"

    on(lambda: mock_with(settings=TenantSettings(webhook_backoff_s=60)), test)


def test_pauses_double_with_jitter_and_an_attempt_after_the_deadline_is_not_waited_for() -> None:
    async def test(mock: InProcessMock) -> None:
        times: list[float] = []

        def answer(url: str, event: dict[str, Any]) -> int:
            times.append(mock.clock.monotonic_s())
            return 503

        hooked(mock, URL, posts=Posts(answer))
        (delivery,) = send(mock)
        await settled(mock)
        first_s, second_s = times[1] - times[0], times[2] - times[1]
        assert 0.5 <= first_s < 1.5
        assert 1 <= second_s < 3
        assert 1 not in {first_s, second_s / 2}
        mock.tenant.settings.webhook_deadline_s = 0.1
        (delivery,) = send(mock)
        await asyncio.sleep(0.01)
        assert (delivery.state, delivery.attempts) == (DeliveryState.DEAD, 1)

    on(mock_with, test)


def test_a_dead_letter_is_replayed_with_the_secret_of_now() -> None:
    async def test(mock: InProcessMock) -> None:
        posts = Posts(lambda url, event: 410 if len(posts.posted) == 1 else 204)
        hooked(mock, URL, posts=posts)
        (dead,) = send(mock)
        await settled(mock)
        mock.tenant.webhooks.registrations.add("call_log", [Hook(URL, Secret("a fresh secret"))])
        again = mock.tenant.webhooks.replay(dead.id)
        assert (again.replay_of, again.event, mock.tenant.webhooks.dead) == (dead.id, dead.event, ())
        await settled(mock)
        assert again.state is DeliveryState.DELIVERED
        assert posts.headers[1]["sb-signing-secret"] == "a fresh secret"
        mock.tenant.webhooks.registrations.remove("call_log", [URL])
        assert mock.tenant.webhooks.replay(again.id).url == URL
        with pytest.raises(ConfigError, match="no webhook delivery with the id 'wh_99' is kept"):
            mock.tenant.webhooks.replay("wh_99")

    on(mock_with, test)


@pytest.mark.fault("F53")
def test_what_is_about_one_call_keeps_its_order_and_holds_up_no_other() -> None:
    async def test(mock: InProcessMock) -> None:
        failed: list[int] = []

        def answer(url: str, event: dict[str, Any]) -> int:
            if event["number"] == 0 and len(failed) < 2:
                failed.append(0)
                return 500
            return 204

        posts = Posts(answer)
        hooked(mock, URL, posts=posts)
        for number in range(3):
            send(mock, number, about="a")
        send(mock, 9, about="b")
        send(mock, 10, about="")
        await settled(mock)
        numbers = [event["number"] for event in posts.events]
        assert numbers.index(9) < 3
        assert numbers.index(10) < 4
        assert [number for number in numbers if number < 9] == [0, 0, 0, 1, 2]

    on(mock_with, test)


@pytest.mark.fault("F53")
def test_a_receiver_that_never_answers_holds_up_no_other_receiver() -> None:
    async def test(mock: InProcessMock) -> None:
        posts = Posts()
        posts.hold[URL] = asyncio.Event()
        hooked(mock, URL, OTHER_URL, posts=posts)
        for number in range(500):
            send(mock, number, about=f"call {number}")
        await asyncio.sleep(0.01)
        assert sum(url == OTHER_URL for url, _ in posts.posted) == 500
        assert sum(url == URL for url, _ in posts.posted) == 8
        await asyncio.sleep(10)
        assert sum(url == URL for url, _ in posts.posted) == 9, "one at a time, once it has failed"
        posts.hold[URL].set()
        await settled(mock)
        assert all(delivery.state is DeliveryState.DELIVERED for delivery in mock.tenant.webhooks.deliveries)

    on(mock_with, test)


def test_attempts_of_many_receivers_are_bounded_and_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, "MOST_FLYING", 3)

    async def test(mock: InProcessMock) -> None:
        posts = Posts()
        urls = [f"http://127.0.0.1:{port}/" for port in range(1, 6)]
        posts.hold = {url: asyncio.Event() for url in urls}
        hooked(mock, *urls, posts=posts)
        send(mock)
        await asyncio.sleep(0.01)
        assert [url for url, _ in posts.posted] == urls[:3]
        posts.hold[urls[1]].set()
        await asyncio.sleep(0.01)
        assert [url for url, _ in posts.posted] == urls[:4]
        for event in posts.hold.values():
            event.set()
        await settled(mock)
        assert len(posts.posted) == 5

    on(mock_with, test)


@pytest.mark.fault("F45")
@pytest.mark.fault("F53")
def test_of_ten_thousand_events_the_oldest_are_dropped_and_counted() -> None:
    async def test(mock: InProcessMock) -> None:
        posts = Posts()
        posts.hold[URL] = asyncio.Event()
        hooked(mock, URL, posts=posts)
        for number in range(10_000):
            send(mock, number, about=f"call {number}")
        hooks = mock.tenant.webhooks
        assert (len(hooks.waiting), hooks.dropped, len(hooks.deliveries)) == (100, 9_900, 1_000)
        await asyncio.sleep(0.01)
        (noted,) = mock.tenant.journal.search(kind="webhook")
        assert "dropped, since" in noted.text
        posts.hold[URL].set()
        await settled(mock)
        assert [event["number"] for event in posts.events] == list(range(9_900, 10_000))
        assert hooks.deliveries[0].state is DeliveryState.DROPPED
        for number in range(102):
            send(mock, number, about="x")
        await settled(mock)
        assert hooks.dropped == 9_902
        dropped = mock.tenant.journal.search(kind="webhook", where={"event": "dropped"})
        assert [entry.fields["dropped"] for entry in dropped] == [1, 9_901]

    bounds = TenantBounds(webhooks=100)
    on(lambda: mock_with(bounds=bounds), test)


def test_what_is_under_way_is_not_dropped() -> None:
    async def test(mock: InProcessMock) -> None:
        posts = Posts()
        posts.hold[URL] = asyncio.Event()
        hooked(mock, URL, posts=posts)
        flying = [send(mock, number, about=f"call {number}")[0] for number in range(3)]
        await asyncio.sleep(0.01)
        more = [send(mock, number, about="call 0")[0] for number in range(3)]
        assert [delivery.state for delivery in flying] == [DeliveryState.WAITING] * 3
        assert [delivery.state for delivery in more] == [DeliveryState.DROPPED] * 2 + [DeliveryState.WAITING]
        posts.hold[URL].set()
        await settled(mock)

    on(lambda: mock_with(bounds=TenantBounds(webhooks=3)), test)


def test_of_all_tenants_together_the_one_with_the_most_drops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, "MOST_WAITING", 10)

    async def test(mock: InProcessMock) -> None:
        other = mock.tenants.create()
        other.webhooks.registrations.add("call_log", [Hook(URL)])
        posts = Posts()
        hooked(mock, URL, posts=posts)
        (kept,) = other.webhooks.send("call_log", {})
        for number in range(20):
            send(mock, number)
        assert (len(other.webhooks.waiting), len(mock.tenant.webhooks.waiting)) == (1, 9)
        assert (other.webhooks.dropped, mock.tenant.webhooks.dropped) == (0, 11)
        other.webhooks.send("call_log", {})
        assert (other.webhooks.dropped, mock.tenant.webhooks.dropped) == (0, 12)
        await settled(mock)
        assert kept.state is DeliveryState.DELIVERED

    on(mock_with, test)


def test_a_removed_tenant_delivers_nothing_more() -> None:
    async def test(mock: InProcessMock) -> None:
        posts = Posts()
        posts.hold[URL] = asyncio.Event()
        mock.dispatcher.post = posts
        tenant = mock.tenants.create()
        tenant.webhooks.registrations.add("call_log", [Hook(URL), Hook(OTHER_URL)])
        under_way, _ = tenant.webhooks.send("call_log", {"number": 0}, about="a")
        await asyncio.sleep(0.01)
        tenant.faults.late_webhooks(by_s=5)
        tenant.webhooks.send("call_log", {"number": 1}, about="b")
        await asyncio.sleep(0.01)
        await mock.tenants.remove(tenant)
        posts.hold[URL].set()
        await asyncio.sleep(60)
        assert len(posts.posted) == 2
        assert under_way.state is DeliveryState.WAITING
        assert tenant.webhooks.send("call_log", {}) == ()

    on(mock_with, test)


def test_a_removed_tenant_whose_turn_comes_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, "MOST_FLYING", 1)

    async def test(mock: InProcessMock) -> None:
        posts = Posts()
        posts.hold[URL] = asyncio.Event()
        hooked(mock, URL, posts=posts)
        tenant = mock.tenants.create()
        tenant.webhooks.registrations.add("call_log", [Hook(OTHER_URL)])
        send(mock)
        await asyncio.sleep(0.01)
        tenant.webhooks.send("call_log", {})
        await asyncio.sleep(0.01)
        await mock.tenants.remove(tenant)
        posts.hold[URL].set()
        await settled(mock)
        await asyncio.sleep(1)
        assert [url for url, _ in posts.posted] == [URL]

    on(mock_with, test)


def test_a_mock_that_closes_cuts_off_what_is_under_way() -> None:
    async def test(mock: InProcessMock) -> None:
        async with Receiver(None).running() as receiver:
            hooked(mock, receiver.url)
            (delivery,) = send(mock)
            send(mock, about="")
            while not receiver.requests:
                await asyncio.sleep(0.01)
            await mock.aclose()
            assert delivery.state is DeliveryState.WAITING
            assert not delivery.flying
            await asyncio.sleep(60)
            assert delivery.attempts == 1

    on(mock_with, test)


def test_a_failure_of_the_mock_itself_is_logged_and_counts_as_a_failed_attempt(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(url: str, event: dict[str, Any]) -> int:
        raise ZeroDivisionError

    async def test(mock: InProcessMock) -> None:
        hooked(mock, URL, posts=Posts(broken))
        (delivery,) = send(mock)
        await settled(mock)
        assert delivery.problem == "the mock itself failed; its log shows why"

    on(lambda: mock_with(settings=TenantSettings(webhook_attempts=1)), test)
    assert "the mock failed to post a webhook" in caplog.text


@pytest.mark.parametrize(
    ("send_it", "message"),
    [
        (lambda hooks: hooks.send("call_logs", {}), "type must be"),
        (lambda hooks: hooks.send("call_log", []), "event must be a dict that JSON can hold"),
        (lambda hooks: hooks.send("call_log", {"a": object()}), "event must be a dict that JSON can hold"),
        (lambda hooks: hooks.send("call_log", {"a": float("nan")}), "event must be a dict that JSON can hold"),
        (lambda hooks: hooks.send("call_log", {"a": "x" * 300_000}), "an event may have 262144 bytes"),
        (lambda hooks: hooks.send("call_log", {}, about=5), "about must be text"),
    ],
)
def test_an_event_that_cannot_be_sent_is_rejected(send_it: Callable[[webhooks.Webhooks], object], message: str) -> None:
    async def test(mock: InProcessMock) -> None:
        hooked(mock, URL, posts=Posts())
        with pytest.raises(ConfigError, match=message):
            send_it(mock.tenant.webhooks)
        assert mock.tenant.webhooks.waiting == ()

    on(mock_with, test)


# ---- faults


def test_late_webhooks_do_not_hold_up_others() -> None:
    async def test(mock: InProcessMock) -> None:
        posts = Posts()
        hooked(mock, URL, posts=posts)
        hooked(mock, URL, type="call_completed")
        with mock.tenant.faults.late_webhooks(by_s=60, type="call_log") as fault:
            (late,) = send(mock, 0)
            send(mock, 1, type="call_completed")
        assert (fault.count, late.by_fault) == (1, "late_webhooks")
        await asyncio.sleep(59)
        assert posts.events == [{"number": 1}]
        mock.tenant.clock.advance(1)
        await settled(mock)
        assert posts.events == [{"number": 1}, {"number": 0}]

    on(mock_with, test)


def test_lost_webhooks_are_never_posted_and_are_not_dead_letters() -> None:
    async def test(mock: InProcessMock) -> None:
        posts = Posts()
        hooked(mock, URL, posts=posts)
        fault = mock.tenant.faults.lost_webhooks(times=1)
        lost, kept = send(mock, 0)[0], send(mock, 1)[0]
        assert (fault.count, fault.active, lost.state) == (1, False, DeliveryState.LOST)
        await settled(mock)
        assert posts.events == [{"number": 1}]
        assert (mock.tenant.webhooks.dead, kept.by_fault) == ((), "")
        (noted,) = mock.tenant.journal.search(kind="fault")
        assert noted.text == f"fault f1 (lost_webhooks): webhook call_log wh_1 to {URL} is lost"

    on(mock_with, test)


def test_doubled_webhooks_are_delivered_twice() -> None:
    async def test(mock: InProcessMock) -> None:
        posts = Posts()
        hooked(mock, URL, posts=posts)
        with mock.tenant.faults.doubled_webhooks(channel="call") as fault:
            first, second = send(mock, 0)
            assert len(send(mock, 1, about="other")) == 1
        await settled(mock)
        assert [event["number"] for event in posts.events if event["number"] == 0] == [0, 0]
        assert (fault.count, second.replay_of) == (1, first.id)

    on(mock_with, test)


def test_reordered_webhooks_are_overtaken_by_the_next() -> None:
    async def test(mock: InProcessMock) -> None:
        posts = Posts()
        hooked(mock, URL, OTHER_URL, posts=posts)
        fault = mock.tenant.faults.reordered_webhooks()
        for number in range(4):
            send(mock, number)
        await settled(mock)
        for url in (URL, OTHER_URL):
            assert [event["number"] for where, event in posts.posted if where == url] == [1, 0, 2, 3]
        assert fault.count == 2
        send(mock, 5)
        await asyncio.sleep(9)
        assert len(posts.posted) == 8
        await settled(mock)
        assert (len(posts.posted), fault.count) == (10, 2)

    on(mock_with, test)


def test_a_webhook_that_waits_to_be_overtaken_can_be_dropped_and_ends_with_its_tenant() -> None:
    async def test(mock: InProcessMock) -> None:
        posts = Posts()
        posts.hold[URL] = asyncio.Event()
        hooked(mock, URL, posts=posts)
        mock.tenant.faults.reordered_webhooks(times=1)
        (held,) = send(mock, 0)
        await asyncio.sleep(0.01)
        send(mock, 1)
        send(mock, 2, about="b")
        assert held.state is DeliveryState.DROPPED
        await asyncio.sleep(20)
        send(mock, 3, about="c")
        await asyncio.sleep(0.01)
        await mock.tenants.remove(mock.tenant)

    on(lambda: mock_with(bounds=TenantBounds(webhooks=2)), test)


@pytest.mark.parametrize("name", ["late_webhooks", "lost_webhooks", "doubled_webhooks", "reordered_webhooks"])
def test_a_fault_of_an_unknown_type_is_rejected(name: str) -> None:
    async def test(mock: InProcessMock) -> None:
        more = {"by_s": 1} if name == "late_webhooks" else {}
        with pytest.raises(ConfigError, match="type must be"):
            mock.tenant.faults.make(name, {"type": "call_logs", **more})
        fault = mock.tenant.faults.make(name, {"type": "call_log", "to": NUMBER, **more})
        hooked(mock, URL, posts=Posts())
        send(mock)
        assert fault.count == 0

    on(mock_with, test)


def test_exported_webhooks_are_there_again_with_their_secrets_only_if_the_seed_is() -> None:
    async def test(mock: InProcessMock) -> None:
        hooks = mock.tenant.webhooks.registrations
        hooks.add("receive", [Hook(URL, Secret("of this one"), ("+14155550100",)), Hook(OTHER_URL, as_text=True)])
        hooks.global_secret = Secret("of all")
        restored = mock.tenants.restore(mock.tenant.export()).webhooks.registrations
        assert restored.of("receive") == (Hook(URL, None, ("+14155550100",)), Hook(OTHER_URL, as_text=True))
        assert restored.global_secret is None
        document = mock.tenant.export(with_seed=True)
        await mock.tenants.remove(mock.tenant)
        restored = mock.tenants.restore(document).webhooks.registrations
        assert restored.to_json() == hooks.to_json()
        bad: list[dict[str, object]] = [
            {"calls": []},
            {"receive": [5]},
            {"receive": [{"url": URL, "secret": ""}]},
            {"globalSecret": " x"},
        ]
        for wrong in bad:
            with pytest.raises(ConfigError):
                mock.tenants.restore({**document, "seed": None, "webhooks": wrong})

    on(mock_with, test)
