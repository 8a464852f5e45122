"""The webhooks of a test: registered, delivered to its applications in virtual and in real time, and waited for."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from offhook.errors import ConfigError
from offhook_mockserver.server import NotSeen
from offhook_mockserver.testkit import MockOptions, mock
from offhook_mockserver.testkit.story import timeline

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive, Scope, Send

    from offhook_mockserver.testkit import MockHandle, WebhooksHandle

pytest_plugins = ["pytester"]

URL = "https://app.example/hooks"
NUMBER = "+14155550101"


class App:
    """An ASGI application that receives webhooks.

    Attributes:
        events: what it received.
        loops: the loops that it ran on.
        status: what it answers.
    """

    def __init__(self, status: int = 204, body: bytes = b"ok") -> None:
        self.events: list[dict[str, Any]] = []
        self.headers: list[dict[bytes, bytes]] = []
        self.loops: set[asyncio.AbstractEventLoop] = set()
        self.status = status
        self._body = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.loops.add(asyncio.get_running_loop())
        self.headers.append(dict(scope["headers"]))
        self.events.append(json.loads((await receive())["body"]))
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        for _ in range(3):
            await send({"type": "http.response.body", "body": self._body, "more_body": True})
        await send({"type": "http.response.body"})


async def silent(scope: Scope, receive: Receive, send: Send) -> None:
    """Return without an answer."""


async def broken(scope: Scope, receive: Receive, send: Send) -> None:
    raise ValueError("of the application")


def ready(offhook_mock: MockHandle, app: object, **more: Any) -> WebhooksHandle:
    webhooks = offhook_mock.webhooks
    webhooks.deliver_to(app, URL)  # type: ignore[arg-type]
    webhooks.register(URL, type="inbound_call", **more)
    return webhooks


@pytest.mark.parametrize("virtual", [True, False])
def test_what_is_posted_to_a_url_reaches_the_application(virtual: bool) -> None:
    app = App(body=b"x" * 60_000)
    with mock(virtual=virtual) as offhook_mock:
        webhooks = ready(offhook_mock, app, secret="our secret")
        (sent,) = webhooks.inbound_call(NUMBER)
        assert webhooks.wait_for(type="inbound_call", url=URL, about=sent.about) is sent
        webhooks.send("inbound_call", {"event_type": "inbound_call", "number": 2})
        found = webhooks.wait_for(where={"number": 2}, state="delivered")
        assert webhooks.wait_for(where=lambda event: event.get("number") == 2) is found
        assert (webhooks.deliveries, webhooks.waiting, webhooks.dead) == ((sent, found), (), ())
        assert webhooks.replay(sent).replay_of == webhooks.replay(sent.id).replay_of == sent.id
        webhooks.wait_for(count=4)
        assert app.events[0]["from_number"] == NUMBER
        assert app.headers[0][b"sb-signing-secret"] == b"our secret"
        assert app.headers[0][b"host"] == b"app.example"
        assert len(app.loops) == 1


def test_in_real_time_an_application_runs_on_the_loop_of_its_coroutine() -> None:
    app = App()
    with mock() as offhook_mock:

        async def main() -> None:
            webhooks = ready(offhook_mock, app)
            webhooks.inbound_call(NUMBER)
            await webhooks.await_for()
            assert app.loops == {asyncio.get_running_loop()}

        asyncio.run(main())
        offhook_mock.webhooks.inbound_call(NUMBER)
        dead = offhook_mock.webhooks.wait_for(state="dead")
        assert dead.problem == "the event loop of its application is closed"


def test_a_receiver_behind_a_socket_needs_nothing_else_in_real_time() -> None:
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from threading import Thread

    heads: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heads.append(f"{self.requestline} {self.headers['sb-signing-secret']}")
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server, mock() as offhook_mock:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_port}/hooks"
            keys = {"sb-api-key-id": offhook_mock.key_id, "sb-api-secret-key": offhook_mock.secret_key}
            body = {"webhooks": [{"url": url, "secret": "our secret"}], "type": "inbound_call"}
            answer = httpx.post(f"{offhook_mock.url}/api/account/webhooks", json=body, headers=keys)
            assert answer.status_code == 200
            offhook_mock.webhooks.inbound_call(NUMBER)
            offhook_mock.webhooks.wait_for()
        finally:
            server.shutdown()
            thread.join()
    assert heads == ["POST /hooks HTTP/1.1 our secret"]


@pytest.mark.parametrize(
    ("app", "problem"),
    [
        (App(500), "the answer was 500: okokok"),
        (broken, "the answer was 500"),
        (silent, "RemoteProtocolError: server disconnected without sending an answer"),
    ],
)
def test_an_application_that_fails_is_asked_again(app: object, problem: str, caplog: pytest.LogCaptureFixture) -> None:
    with mock(virtual=True) as offhook_mock:
        webhooks = ready(offhook_mock, app)
        webhooks.inbound_call(NUMBER)
        dead = webhooks.wait_for(state="dead")
        assert (dead.attempts, dead.problem) == (3, problem)


def test_in_virtual_time_nothing_goes_over_the_network() -> None:
    with mock(virtual=True) as offhook_mock:
        offhook_mock.webhooks.register("http://127.0.0.1:9/", type="inbound_call")
        offhook_mock.webhooks.inbound_call(NUMBER)
        dead = offhook_mock.webhooks.wait_for(state="dead")
        assert dead.attempts == 1
        assert "deliver_to(app, 'http://127.0.0.1:9/')" in dead.problem
        (entry,) = offhook_mock.journal.search(kind="webhook")
        (line,) = (line for line in timeline([entry]) if line.kind == "webhook")
        assert dead.problem in str(entry)
        for shown in (str(entry), line.line):
            assert shown.endswith("offhook_virtual; it is a dead letter after 1 attempt")


def test_a_wait_in_vain_shows_what_was_sent() -> None:
    with mock(virtual=True, options=MockOptions(timeout_s=5)) as offhook_mock:
        with pytest.raises(NotSeen, match="No event was sent: webhooks get only events of their type") as caught:
            offhook_mock.webhooks.wait_for()
        webhooks = ready(offhook_mock, App(500))
        with offhook_mock.faults.late_webhooks(by_s=60, times=1):
            webhooks.inbound_call(NUMBER)
        webhooks.inbound_call(NUMBER)
        with pytest.raises(NotSeen) as caught:
            webhooks.wait_for(type="inbound_call", where={"from_number": NUMBER})
        first, late, dead = str(caught.value).splitlines()
        assert first.startswith("0 of 1 webhooks with type 'inbound_call', where {'from_number': '+14155550101'} were")
        waits = "is waiting (the fault late_webhooks happened to it)"
        assert late == f"  webhook inbound_call wh_1 to https://app.example/hooks {waits}"
        assert dead.endswith("wh_2 to https://app.example/hooks is dead after 3 attempts: the answer was 500: okokok")


@pytest.mark.parametrize("timeout_s", [60, 3_600])
def test_a_wait_ends_when_nothing_can_be_delivered_any_more(timeout_s: float) -> None:
    with mock(virtual=True) as offhook_mock:
        webhooks = ready(offhook_mock, App(401))
        webhooks.inbound_call(NUMBER)
        began_s = offhook_mock.tenant.clock.monotonic_s()
        with pytest.raises(NotSeen, match="0 of 1 webhooks were delivered, and the mock makes no further") as caught:
            webhooks.wait_for(timeout_s)
        assert "is dead after 3 attempts: the answer was 401" in str(caught.value)
        assert not caught.value.about_time
        assert offhook_mock.tenant.clock.monotonic_s() - began_s < 30
        # As soon after a host that is not listed, and for coroutines.
        offhook_mock.webhooks.register("http://192.0.2.1/", type="call_log")
        webhooks.send("call_log", {"n": 1})
        with pytest.raises(NotSeen, match="no further attempts"):
            offhook_mock.run(webhooks.await_for(timeout_s, type="call_log", where={"n": 1}))
        assert offhook_mock.tenant.clock.monotonic_s() - began_s < 33


def test_a_wait_goes_on_while_something_may_come() -> None:
    app = App(500)
    with mock(virtual=True, options=MockOptions(timeout_s=100)) as offhook_mock:
        webhooks = ready(offhook_mock, app)
        webhooks.inbound_call(NUMBER)
        dead = webhooks.wait_for(state="dead")

        async def replay() -> None:
            await asyncio.sleep(1)
            app.status = 204
            webhooks.replay(dead)

        offhook_mock.start(replay())
        assert webhooks.wait_for().replay_of == dead.id
        with offhook_mock.faults.late_webhooks(by_s=40, times=1):
            (late,) = webhooks.inbound_call(NUMBER)
        assert webhooks.wait_for(count=2) is late
        app.status = 500
        webhooks.inbound_call(NUMBER)
        with pytest.raises(NotSeen, match=r"2 of 4 webhooks were delivered within 10 s"):
            webhooks.wait_for(10, count=4)


def test_a_receiver_that_is_too_slow_is_one_of_time() -> None:
    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(100)

    with mock(virtual=True) as offhook_mock:
        webhooks = ready(offhook_mock, slow)
        webhooks.inbound_call(NUMBER)
        with pytest.raises(NotSeen, match="no further attempts") as caught:
            webhooks.wait_for(100)
        assert caught.value.about_time


def test_a_wait_in_vain_says_what_a_delivery_has_instead() -> None:
    def is_long(event: object) -> bool:
        return False

    with mock(virtual=True, options=MockOptions(timeout_s=5)) as offhook_mock:
        webhooks = ready(offhook_mock, App())
        offhook_mock.webhooks.register(URL, type="call_log")
        (sent,) = webhooks.send("call_log", {"disposition": "not_answered", "n": 1})

        def why(**search: Any) -> str:
            with pytest.raises(NotSeen) as caught:
                webhooks.wait_for(**search)
            _, shown, *missed = str(caught.value).splitlines()
            assert "is delivered after 1 attempt" in shown
            return "\n".join(missed)

        assert why(where={"disposition": "connected"}) == "    but its field disposition is 'not_answered'"
        hint = "TenantSettings(call_log_reasons=True) makes the mock say declined or busy: assumed"
        assert why(where={"disposition": "declined"}) == f"    but its field disposition is 'not_answered' ({hint})"
        assert why(where={"dispositon": "x"}).startswith("    but its event has no field 'dispositon'; did you mean")
        assert why(where=is_long) == "    but is_long returned a false value"
        both = why(about="ch", url="http://other/")
        assert both == f"    but its url is {URL!r} and its about is {sent.about!r}"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda w: w.register("app.example", type="call_log"), "url must be an http or https URL"),
        (lambda w: w.register(URL, type="calls"), "type must be"),
        (lambda w: w.register(URL, type="call_log", secret="a\nb"), "secret must be text"),
        (lambda w: w.deliver_to("app", URL), "app must be"),
        (lambda w: w.deliver_to(App(), 5), "url must be text"),
        (lambda w: w.wait_for(typ="call_log"), "'typ' is not a criterion; did you mean type"),
        (lambda w: w.wait_for(type="calls"), "type must be"),
        (lambda w: w.wait_for(state="sent"), "state must be"),
        (lambda w: w.wait_for(count=0), "count must be"),
        (lambda w: w.wait_for(-1), "timeout_s must be"),
        (lambda w: w.replay("wh_1"), "no webhook delivery with the id 'wh_1' is kept"),
    ],
)
def test_what_cannot_be_is_rejected(call: Callable[[WebhooksHandle], object], message: str) -> None:
    with mock(virtual=True) as offhook_mock, pytest.raises(ConfigError, match=message):
        call(offhook_mock.webhooks)


LEFT = """
import pytest

from offhook_mockserver.server import TenantBounds

pytestmark = pytest.mark.offhook_virtual
URL = "https://app.example/hooks"


async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 500, "headers": []})
    await send({"type": "http.response.body"})


@pytest.fixture
def webhooks(offhook_mock):
    offhook_mock.webhooks.deliver_to(app, URL)
    offhook_mock.webhooks.register(URL, type="inbound_call")
    return offhook_mock.webhooks


def test_waiting(webhooks):
    webhooks.inbound_call("+14155550101")


def test_dead(webhooks):
    webhooks.inbound_call("+14155550101")
    webhooks.wait_for(state="dead")


@pytest.mark.offhook(allow=["webhooks_undelivered"])
def test_allowed(webhooks):
    webhooks.inbound_call("+14155550101")


def test_lost(offhook_mock, webhooks):
    with offhook_mock.faults.lost_webhooks():
        webhooks.inbound_call("+14155550101")


def test_dropped(offhook_mock):
    offhook_mock.tenant.bounds = TenantBounds(webhooks=3)
    offhook_mock.webhooks.register(URL, type="inbound_call")
    for _ in range(4):
        offhook_mock.webhooks.send("inbound_call", {})
"""


def test_an_undelivered_webhook_is_left_behind(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_left=LEFT)
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "--color=no", "-W", "error")
    result.assert_outcomes(passed=5, errors=3)
    result.stdout.fnmatch_lines(
        [
            "the test passed, and left this behind:",
            "  webhook inbound_call wh_1 to https://app.example/hooks is waiting after * (webhooks_undelivered)",
            "  webhook inbound_call wh_1 to https://app.example/hooks is dead after 3 attempts: the answer was 500 (*)",
            "  1 of the webhooks were dropped, since too many waited (webhooks_undelivered)",
        ],
        consecutive=False,
    )
