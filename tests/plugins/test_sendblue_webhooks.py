"""The receiver of webhooks: what it lets in, what it makes of it, and what it does when things go wrong."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.routing import Mount, Route
from tests.core.rig import NUMBER, POLICY, rig

from offhook import Disposition, Grade, Secret
from offhook.errors import CallStateError, ConfigError
from offhook.interfaces import CarrierReport, iso_8601
from offhook.testing import LoopClock, ScriptedCarrier, run_virtual
from offhook_sendblue import CallLog, Message, OtherEvent, WebhookReceiver, webhooks
from offhook_sendblue.webhook_events import KINDS, event_of, happened_s

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from offhook_sendblue import WebhookEvent

SECRET, OTHER = "hook-SENTINEL-1", "hook-SENTINEL-2"
CHANNEL = "ft_call_9f8e7d6c5b4a3210"
LINE = "+14155550001"


def call_log(**changes: object) -> dict[str, object]:
    """A call log as the mock sends it."""
    return {
        "event_type": "call_log",
        "accountEmail": "me@example.com",
        "call_id": CHANNEL,
        "direction": "outbound",
        "from_number": LINE,
        "to_number": NUMBER,
        "sendblue_number": LINE,
        "disposition": "not_answered",
        "date_started": None,
        "date_answered": None,
        "date_ended": None,
        "duration": 0,
        "transcript": None,
        **changes,
    }


class Phones:
    """A phone that keeps its reports."""

    def __init__(self, problem: Exception | None = None) -> None:
        self.reports: list[CarrierReport] = []
        self._problem = problem

    def report(self, report: CarrierReport) -> bool:
        self.reports.append(report)
        if self._problem is not None:
            raise self._problem
        return True


class Events(list["WebhookEvent"]):
    """What `on_event` was called with; slow or broken if so wanted."""

    def __init__(self, slow_s: float = 0.0, problem: BaseException | None = None, *, stubborn: bool = False) -> None:
        self._slow_s, self._problem, self._stubborn = slow_s, problem, stubborn
        self.gate = asyncio.Event()
        self.cancelled = 0

    async def __call__(self, event: WebhookEvent) -> None:
        self.append(event)
        try:
            await asyncio.sleep(self._slow_s)
        except asyncio.CancelledError:
            self.cancelled += 1
            if not self._stubborn:
                raise
            await self.gate.wait()
        if self._problem is not None:
            raise self._problem


def run(main: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await main()
        assert asyncio.all_tasks() == {asyncio.current_task()}, "tasks were left behind"

    run_virtual(whole())


async def post(
    app: Any, body: object = None, *, secret: str | None = SECRET, path: str = "/", method: str = "POST", **headers: str
) -> httpx.Response:
    sent = {"content-type": "application/json"} | ({} if secret is None else {"sb-signing-secret": secret})
    content = body if isinstance(body, bytes) else json.dumps(call_log() if body is None else body).encode()
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
        return await client.request(method, f"http://app.example{path}", content=content, headers=sent)


async def raw(
    app: WebhookReceiver,
    *messages: dict[str, object],
    headers: Sequence[tuple[bytes, bytes]] = (),
    gap_s: float = 0.0,
    kind: str = "http",
) -> list[dict[str, object]]:
    """Call the application as a server does, and return what it sent."""
    waiting, sent = list(messages), list[dict[str, object]]()

    async def receive() -> dict[str, object]:
        await asyncio.sleep(gap_s)
        if not waiting:
            await asyncio.Event().wait()
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    usual = [(b"content-type", b"application/json"), (b"sb-signing-secret", SECRET.encode())]
    scope: dict[str, object] = {"type": kind, "method": "POST", "path": "/", "headers": [*usual, *headers]}
    await app(scope, receive, send)
    return sent


def status_of(sent: list[dict[str, object]]) -> object:
    return sent[0]["status"]


# ---- what happens to an event


def test_an_event_is_typed_reported_and_passed_on() -> None:
    async def main() -> None:
        phone, events = Phones(), Events()
        receiver = WebhookReceiver(SECRET, phone=phone, on_event=events, clock=LoopClock())
        at = iso_8601(LoopClock().wall_s())
        answer = await post(receiver, call_log(date_started=at, disposition="Not-Answered", x={"y": [1]}))
        assert (answer.status_code, answer.json()) == (200, {"status": "OK"})
        await receiver.aclose()
        (event,) = events
        assert isinstance(event, CallLog)
        assert (event.type, event.call_id, event.to_number, event.duration) == ("call_log", CHANNEL, NUMBER, 0)
        assert (event.account_email, event.transcript, event.extra) == ("me@example.com", None, {"x": {"y": [1]}})
        (report,) = phone.reports
        assert report == CarrierReport(
            Disposition.NO_ANSWER,
            CHANNEL,
            number=NUMBER,
            from_number=LINE,
            at_s=round(LoopClock().wall_s(), 3),
            grade=Grade.DOCUMENTED,
            text="call_log: not_answered",
        )
        assert (receiver.counts.accepted, receiver.counts.reported, receiver.counts.rejected) == (1, 1, 0)

    run(main)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"disposition": "connected"}, (Disposition.COMPLETED, Grade.DOCUMENTED)),
        ({"disposition": "voicemail"}, (Disposition.NO_ANSWER, Grade.ASSUMED)),
        ({"disposition": "declined"}, (Disposition.DECLINED, Grade.ASSUMED)),
        ({"disposition": " Busy "}, (Disposition.BUSY, Grade.ASSUMED)),
        ({"event_type": "call_completed", "disposition": "busy"}, (Disposition.BUSY, Grade.ASSUMED)),
        ({"event_type": "call_completed", "disposition": None}, None),
        ({"event_type": "inbound_call"}, None),
        ({"direction": "inbound"}, None),
        ({"disposition": "abducted"}, None),
        ({"disposition": 5}, None),
        ({"call_id": None, "to_number": None}, None),
        ({"call_id": None, "from_number": None}, (Disposition.NO_ANSWER, Grade.DOCUMENTED)),
        ({"direction": None, "to_number": None}, (Disposition.NO_ANSWER, Grade.DOCUMENTED)),
    ],
)
def test_only_the_end_of_an_outbound_call_is_reported(
    changes: dict[str, object], expected: tuple[Disposition, Grade] | None
) -> None:
    async def main() -> None:
        first, second = Phones(), Phones()
        receiver = WebhookReceiver(SECRET, phone=[first, second])
        assert (await post(receiver, call_log(**changes))).status_code == 200
        found = [(report.disposition, report.grade) for report in first.reports]
        assert found == ([] if expected is None else [expected])
        assert first.reports == second.reports
        assert receiver.counts.accepted == 1

    run(main)


@pytest.mark.fault("F54")
def test_events_of_a_real_phone_late_doubled_and_out_of_order() -> None:
    class Lines(ScriptedCarrier):
        async def lines_to_choose(self) -> Sequence[str]:
            return (LINE,)

    async def main() -> None:
        r = rig(policy=POLICY, carrier=Lines())
        async with r.phone:
            receiver = WebhookReceiver(SECRET, phone=r.phone)
            async with r.phone.dial(NUMBER) as call:
                assert not await call.answered()
            named = {"call_id": call.record.channel}
            for word in ("declined", "declined", "not_answered", "busy"):
                assert (await post(receiver, call_log(disposition=word, **named))).status_code == 200
            assert call.record.disposition is Disposition.DECLINED
            assert r.store.records[call.record.call_id]["disposition"] == "declined"
            assert (receiver.counts.reported, receiver.counts.duplicates) == (1, 1)
            # Another call between the same numbers, in an event that names it in a way of its own.
            await asyncio.sleep(20)
            async with r.phone.dial(NUMBER, redial=True) as other:
                started = iso_8601(LoopClock().wall_s())
                assert not await other.answered()
            await asyncio.sleep(600)
            event = call_log(call_id="c-17", disposition="busy", date_started=started)
            assert (await post(receiver, event)).status_code == 200
            assert other.record.disposition is Disposition.BUSY
            assert other.record.report is not None
            assert other.record.report.text == "call_log: busy; matched by its numbers"

    run(main)


@pytest.mark.fault("F54")
def test_the_same_event_is_handled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "MOST_REMEMBERED", 3)

    async def main() -> None:
        events = Events()
        receiver = WebhookReceiver(SECRET, on_event=events)
        message = {"event_type": "outbound", "message_handle": "m1", "status": "SENT", "content": "a"}
        typing = {"event_type": "typing_indicator", "number": NUMBER}
        for body, new in (
            (call_log(), True),
            (call_log(transcript="the same call"), False),
            (call_log(disposition="declined"), True),
            (message, True),
            (message | {"content": "b"}, False),
            (message | {"status": "DELIVERED"}, True),
            (message | {"status": "SENT"}, False),
            (typing, True),
            (typing, False),
        ):
            before = receiver.counts.accepted
            assert (await post(receiver, body)).status_code == 200
            assert (receiver.counts.accepted - before) == new, body
        assert receiver.counts.duplicates == 4
        assert (await post(receiver)).status_code == 200
        assert receiver.counts.accepted == 6, "the oldest was forgotten: memory is bounded"
        await receiver.aclose()
        assert len(events) == 6

    run(main)


@pytest.mark.fault("F54")
def test_old_and_unknown_events_are_answered_and_ignored() -> None:
    async def main() -> None:
        events, phone = Events(), Phones()
        receiver = WebhookReceiver(SECRET, on_event=events, phone=phone, most_age_s=3600, clock=LoopClock())
        now_s = LoopClock().wall_s()
        for ago_s, name in ((3601, "date_ended"), (5 * 3600, "date_started"), (7200, "date_sent")):
            assert (await post(receiver, call_log(**{name: iso_8601(now_s - ago_s)}))).status_code == 200
        assert (receiver.counts.stale, receiver.counts.accepted) == (3, 0)
        assert (await post(receiver, {"event_type": "new_thing"})).status_code == 200
        assert (await post(receiver, {"hello": 1})).status_code == 200
        assert receiver.counts.unknown == 2
        ahead = {"date_started": iso_8601(now_s - 9999), "date_ended": iso_8601(now_s + 30)}
        assert (await post(receiver, call_log(**ahead))).status_code == 200
        assert receiver.counts.accepted == 1, "it ended just now, by a clock that is ahead"
        await receiver.aclose()
        assert (len(events), len(phone.reports)) == (1, 1)

    run(main)


# ---- what is let in


@pytest.mark.fault("F54")
def test_only_a_request_with_the_secret_is_let_in(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def main() -> None:
        phone = Phones()
        receiver = WebhookReceiver([Secret(SECRET), OTHER], phone=phone)
        for forged in (None, "", "x", SECRET[:-1], SECRET + "x", SECRET.upper(), f"{SECRET},{OTHER}"):
            answer = await post(receiver, call_log(disposition="busy"), secret=forged)
            assert answer.status_code == 401
            assert "SENTINEL" not in answer.text
        twice = await raw(receiver, {"type": "http.request", "body": b"{}"}, headers=[(b"Sb-Signing-Secret", b"x")])
        assert status_of(twice) == 401
        assert (receiver.counts.rejected, phone.reports) == (8, [])
        for good in (SECRET, OTHER):
            assert (await post(receiver, secret=good)).status_code == 200
        assert "SENTINEL" not in repr(receiver)

    run(main)
    assert "SENTINEL" not in caplog.text


@pytest.mark.safety("S13")
def test_every_secret_is_compared_whatever_the_first_says(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []
    matches = Secret.matches

    def counted(self: Secret, other: str) -> bool:
        compared.append(self.fingerprint)
        return matches(self, other)

    monkeypatch.setattr(Secret, "matches", counted)

    async def main() -> None:
        receiver = WebhookReceiver([SECRET, OTHER])
        for secret in (SECRET, OTHER, "neither"):
            await post(receiver, secret=secret)

    run(main)
    assert compared == [Secret(SECRET).fingerprint, Secret(OTHER).fingerprint] * 3


DEEP = b'{"a":' + b"[" * 32 + b"]" * 32 + b"}"


@pytest.mark.fault("F44")
@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"method": "GET"}, 405),
        ({"method": "PUT"}, 405),
        ({"content_type": "text/plain"}, 415),
        ({"content_type": "application/x-www-form-urlencoded"}, 415),
        ({"content_type": "Application/JSON; charset=utf-8"}, 200),
        ({"content_encoding": "gzip"}, 415),
        ({"content_encoding": "identity"}, 200),
        ({"body": b""}, 400),
        ({"body": b"[]"}, 400),
        ({"body": b'{"call_id": "a", "call_id": "b"}'}, 400),
        ({"body": b'{"duration": NaN}'}, 400),
        ({"body": b'{"a": "\\ud800"}'}, 400),
        ({"body": b"\xff\xfe\xfd"}, 400),
        ({"body": DEEP}, 400),
        ({"body": DEEP.replace(b"[]", b"")}, 200),
        ({"body": b'{"a":' * 100_000 + b"1" + b"}" * 100_000}, 400),
        ({"body": b'{"a":"' + b"x" * (1024 * 1024) + b'"}'}, 413),
        ({f"x_{index}": "1" for index in range(100)}, 431),
        ({"x_long": "1" * 33_000}, 431),
    ],
)
def test_what_is_not_json_of_a_moderate_size_is_refused(changes: dict[str, Any], status: int) -> None:
    async def main() -> None:
        receiver = WebhookReceiver(SECRET)
        answer = await post(receiver, changes.pop("body", None), **changes)
        assert answer.status_code == status, answer.text
        assert answer.json()["status"] == ("OK" if status == 200 else "ERROR")
        assert answer.headers.get("allow") == ("POST" if status == 405 else None)
        assert receiver.counts.rejected == (status != 200)

    run(main)


@pytest.mark.fault("F44")
def test_a_body_that_arrives_in_parts_slowly_or_not_at_all() -> None:
    async def main() -> None:
        receiver = WebhookReceiver(SECRET, most_bytes=100, timeout_s=5)
        body = json.dumps({"event_type": "line_blocked"}).encode()
        parts: list[dict[str, object]] = [
            {"type": "http.request", "body": body[:7], "more_body": True},
            {"type": "http.request", "more_body": True},
            {"type": "http.request", "body": body[7:]},
        ]
        assert status_of(await raw(receiver, *parts, gap_s=1)) == 200
        assert status_of(await raw(receiver, *parts, gap_s=2)) == 408
        endless = [{"type": "http.request", "body": b"x" * 40, "more_body": True}] * 10
        assert status_of(await raw(receiver, *endless)) == 413, "whatever the header says"
        length = [(b"content-length", b"9" * 5000)]
        assert status_of(await raw(receiver, headers=length)) == 413, "before it is read"
        assert await raw(receiver, {"type": "http.disconnect"}) == []
        assert receiver.counts.accepted == 1

    run(main)


@pytest.mark.fault("F54")
def test_a_signature_is_required_where_it_is_asked_for() -> None:
    def signed(body: bytes, at_s: float, key: str = OTHER, form: str = "t={t},v1={v1}") -> str:
        digest = hmac.new(key.encode(), f"{round(at_s)}.".encode() + body, hashlib.sha256).hexdigest()
        return form.format(t=round(at_s), v1=digest)

    async def main() -> None:
        receiver = WebhookReceiver(SECRET, signature_keys=["old-key-SENTINEL", OTHER], clock=LoopClock())
        now_s = LoopClock().wall_s()
        body = json.dumps({"event_type": "line_blocked", "n": 1}).encode()
        good = [
            signed(body, now_s),
            signed(body, now_s - 299),
            signed(body, now_s + 299, "old-key-SENTINEL"),
            signed(body, now_s, form="v1=" + "0" * 64 + ", t={t}, v1={v1}, v0=x"),
        ]
        bad = [
            signed(body, now_s - 302),
            signed(body, now_s + 302),
            signed(body, now_s, "another-key"),
            signed(body + b" ", now_s),
            signed(body, now_s, form="t={t}"),
            signed(body, now_s, form="v1={v1}"),
            signed(body, now_s, form="t={t},t={t},v1={v1}"),
            signed(body, now_s, form="t=-{t},v1={v1}"),
            signed(body, now_s, form="t={t},v1={v1}," + "x" * 1024),
            "",
            "v1",
        ]
        for signature, status in [*((item, 200) for item in good), *((item, 401) for item in bad)]:
            answer = await post(receiver, body, x_sendblue_signature=signature)
            assert answer.status_code == status, signature
        assert (await post(receiver, body)).status_code == 401
        assert receiver.counts.duplicates == 3
        off = WebhookReceiver(SECRET)
        assert (await post(off, body, x_sendblue_signature=bad[0])).status_code == 200, "by default it is not looked at"

    run(main)


# ---- the application's function


def test_requests_are_answered_before_the_function_has_ended() -> None:
    async def main() -> None:
        events = Events(slow_s=10)
        receiver = WebhookReceiver(SECRET, on_event=events)
        for index in range(3):
            await post(receiver, call_log(call_id=f"c{index}"))
        assert asyncio.get_running_loop().time() < 1
        await asyncio.sleep(15)
        assert [event.call_id for event in events if isinstance(event, CallLog)] == ["c0", "c1"], "one at a time"
        await receiver.aclose(timeout_s=60)
        assert (len(events), receiver.dropped, receiver.failed) == (3, 0, 0)
        await receiver.aclose()

    run(main)


def test_a_function_that_hangs_costs_the_oldest_events_and_no_memory(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        events = Events(slow_s=1e6)
        receiver = WebhookReceiver(SECRET, on_event=events, most_waiting=5, handler_timeout_s=50)
        for index in range(10_000):
            receiver._handle(call_log(call_id=f"c{index}"), b"", "")
            if index % 1000 == 0:
                await asyncio.sleep(0)
        assert receiver.counts.accepted == 10_000
        assert receiver.dropped == 10_000 - 5 - len(events)
        await asyncio.sleep(120)
        assert receiver.failed == 2
        assert events.cancelled == 2
        await receiver.aclose()
        assert receiver.dropped + len(events) == 10_000, "each is counted"
        assert events.cancelled == 3

    run(main)
    assert len([item for item in caplog.messages if "the oldest are dropped" in item]) == 1


def test_a_function_that_ignores_its_cancellation_is_left_behind() -> None:
    async def main() -> None:
        events = Events(slow_s=1e6, stubborn=True)
        receiver = WebhookReceiver(SECRET, on_event=events, handler_timeout_s=5)
        for index in range(2):
            await post(receiver, call_log(call_id=f"c{index}"))
        await asyncio.sleep(20)
        assert len(events) == 2
        await receiver.aclose()
        events.gate.set()
        await asyncio.sleep(1)

    run(main)


@pytest.mark.parametrize("problem", [ValueError(NUMBER), CallStateError(NUMBER), SystemExit(3)])
def test_a_function_that_raises_is_logged_once_and_called_again(
    problem: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        events = Events(problem=problem)
        receiver = WebhookReceiver(SECRET, on_event=events)
        for index in range(5):
            assert (await post(receiver, call_log(call_id=f"c{index}"))).status_code == 200
        await receiver.aclose()
        assert (len(events), receiver.failed) == (5, 5)

    run(main)
    (line,) = [item for item in caplog.messages if "on_event" in item]
    assert f"it raised {type(problem).__name__}" in line
    assert NUMBER not in caplog.text, "what it raised may repeat the event"


def test_a_plain_function_will_do() -> None:
    async def main() -> None:
        seen: list[WebhookEvent] = []
        async with WebhookReceiver(SECRET, on_event=seen.append) as receiver:
            await post(receiver)
        assert [type(event) for event in seen] == [CallLog]

    run(main)


def test_a_phone_that_raises_costs_the_others_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        phones = [Phones(CallStateError("another loop")), Phones(ValueError(NUMBER)), Phones()]
        receiver = WebhookReceiver(SECRET, phone=phones)
        for index in range(3):
            assert (await post(receiver, call_log(call_id=f"c{index}"))).status_code == 200
        assert [len(phone.reports) for phone in phones] == [3, 3, 3]
        assert receiver.counts.reported == 3

    run(main)
    lines = [item for item in caplog.messages if "did not take the report" in item]
    assert [("another loop" in line, "ValueError" in line) for line in lines] == [(True, False), (False, True)]
    assert NUMBER not in caplog.text


# ---- as an application


@pytest.mark.parametrize("path", ["/hooks", "/hooks/", "/hooks/call_log", "/route"])
def test_it_mounts_in_starlette(path: str) -> None:
    async def main() -> None:
        events = Events()
        receiver = WebhookReceiver(SECRET, on_event=events)
        app = Starlette(routes=[Mount("/hooks", app=receiver), Route("/route", receiver)])
        answer = await post(app, path=path)
        if answer.is_redirect:
            answer = await post(app, path=answer.headers["location"].removeprefix("http://app.example"))
        assert answer.status_code == 200
        assert (await post(app, secret="no", path="/hooks/x")).status_code == 401
        await receiver.aclose()
        assert len(events) == 1

    run(main)


def test_it_is_a_whole_application_as_well() -> None:
    async def main() -> None:
        events = Events(slow_s=1)
        receiver = WebhookReceiver(SECRET, on_event=events)
        await post(receiver)
        sent = await raw(receiver, {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}, kind="lifespan")
        assert [message["type"] for message in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
        assert len(events) == 1
        assert await raw(receiver, {"type": "websocket.connect"}, kind="websocket") == [
            {"type": "websocket.close", "code": 1000}
        ]
        assert await raw(receiver, kind="of the future") == []

    run(main)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"secret": ""}, "secret must be 1 to 1,024 printable ASCII characters"),
        ({"secret": "SENTINEL "}, "secret must be 1 to 1,024 printable"),
        ({"secret": " SENTINEL"}, "secret must be 1 to 1,024 printable"),
        ({"secret": "SENTINEL\n"}, "secret must be 1 to 1,024 printable"),
        ({"secret": None}, "secret must be a Secret, text, or a list of those, got None"),
        ({"secret": []}, "secret must be 1 to 10 secrets, got 0"),
        ({"secret": ["x"] * 11}, "secret must be 1 to 10 secrets, got 11"),
        ({"signature_keys": [b"x"]}, "signature_keys must be a Secret, text"),
        ({"phone": [object()]}, r"phone must be a Phone, or several"),
        ({"phone": "main"}, r"phone must be a Phone, or several"),
        ({"on_event": 5}, "on_event must be"),
        ({"most_age_s": 0}, "most_age_s must be"),
        ({"most_bytes": 0}, "most_bytes must be"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text) as caught:
        WebhookReceiver(**{"secret": SECRET, **arguments})
    assert "SENTINEL" not in str(caught.value)


def test_a_secret_may_be_a_sentence() -> None:
    async def main() -> None:
        receiver = WebhookReceiver("a shared secret")
        assert (await post(receiver, secret="a shared secret")).status_code == 200
        assert (await post(receiver, secret="a shared  secret")).status_code == 401

    run(main)


# ---- events as values


@pytest.mark.parametrize(
    ("body", "path_type", "expected"),
    [
        ({"event_type": "call_log"}, "receive", CallLog),
        ({"type": "call_log"}, "", CallLog),
        ({"type": "iMessage", "message_handle": "m", "is_outbound": True}, "", Message),
        ({"type": "anything"}, "line_assigned", OtherEvent),
        ({"disposition": "connected"}, "", CallLog),
        ({"message_handle": "m"}, "", Message),
        ({"event_type": "call_log2", "disposition": "x"}, "call_log", None),
        ({"event_type": 5}, "call_log", CallLog),
        ({}, "hooks", None),
    ],
)
def test_the_type_of_an_event(body: dict[str, object], path_type: str, expected: type | None) -> None:
    event = event_of(body, path_type)
    assert (None if event is None else type(event)) is expected
    if isinstance(event, Message):
        assert event.type == ("outbound" if body.get("is_outbound") else "receive")
    if event is not None and body.get("type", event.type) != event.type:
        assert event.extra["type"] == body["type"], "this is not one of our types, and is kept"


def test_what_does_not_fit_is_kept_beside_the_rest() -> None:
    body: dict[str, object] = {
        "event_type": "receive",
        "participants": [NUMBER, LINE],
        "error_code": 4000,
        "content": None,
        "status": ["RECEIVED"],
        "is_outbound": 0,
        "opted_out": False,
        "extra": "x",
        "type": "receive",
    }
    event = event_of(body)
    assert isinstance(event, Message)
    assert (event.participants, event.error_code, event.content) == ((NUMBER, LINE), 4000, None)
    assert (event.status, event.is_outbound, event.opted_out) == (None, None, False)
    assert event.extra == {"status": ["RECEIVED"], "is_outbound": 0, "extra": "x"}
    assert isinstance(event_of({**body, "participants": [1]}), Message)
    assert NUMBER not in repr(event)
    call = event_of(call_log(duration=True, transcript=["a"]))
    assert isinstance(call, CallLog)
    assert (call.duration, call.extra) == (None, {"duration": True, "transcript": ["a"]})


@pytest.mark.parametrize(
    ("written", "at_s"),
    [
        ("2026-11-30T07:00:00Z", 1_796_022_000.0),
        ("2026-11-30T07:00:00", 1_796_022_000.0),
        ("2026-11-30T08:00:00.500+01:00", 1_796_022_000.5),
        ("yesterday", None),
        ("", None),
        (17, None),
        ("9999-12-31T23:59:59-23:59", 253402387139.0),
        ("2026-11-30T07:00:00Z" + " " * 100, None),
    ],
)
def test_when_an_event_happened(written: object, at_s: float | None) -> None:
    assert happened_s({"date_started": written}) == at_s


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from([*call_log(), "message_handle", "status", "participants", "type", "is_outbound", "date_sent"])


@settings(max_examples=300)
@given(st.dictionaries(NAMES | st.text(max_size=8), JSON | st.sampled_from([*KINDS, NUMBER]), max_size=8))
def test_no_body_raises(body: dict[str, object]) -> None:
    async def main() -> None:
        seen: list[WebhookEvent] = []
        receiver = WebhookReceiver(SECRET, phone=Phones(), on_event=seen.append)
        answer = await post(receiver, json.dumps(body).encode())
        await receiver.aclose()
        counts = receiver.counts
        assert answer.status_code == 200
        assert counts.accepted + counts.stale + counts.unknown == 1
        for event in seen:
            for written, value in body.items():
                attribute = getattr(event, {"accountEmail": "account_email"}.get(written, written), None)
                kept = (event.extra.get(written), attribute, list(attribute) if isinstance(attribute, tuple) else None)
                assert value is None or value in kept or written in ("event_type", "type"), "nothing is lost"

    run(main)
