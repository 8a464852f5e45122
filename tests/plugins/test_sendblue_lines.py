"""The lines of the account: asked for, understood, listed, and chosen among."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from offhook import CallPolicy, Phone
from offhook.cli import ExitCode
from offhook.cli.root import run as offhook
from offhook.errors import (
    CarrierError,
    CarrierProtocolError,
    CarrierUnavailable,
    ConfigError,
    CredentialsRejected,
    DoubleDial,
    RateLimited,
    RequestRejected,
)
from offhook.interfaces import DialRequest, Environment, Level
from offhook.testing import LoopClock, run_virtual
from offhook_mockserver.server import InProcessMock
from offhook_mockserver.testkit import MockOptions, mock
from offhook_sendblue import KeyAuth, Line, LineStatus, SendblueCarrier
from offhook_sendblue.line_choice import FRESH_S, LineChoice, best
from offhook_sendblue.lines import MOST_LINES
from offhook_sendblue.lines_check import findings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

KEY, SECRET = "key-SENTINEL-1", "secret-SENTINEL-2"
A, B, C, D = "+14155550001", "+14155550002", "+14155550003", "+14155550004"
NUMBER = "+14155550123"
LINES, STATE, START = "/api/lines", "/api/v2/lines/state", "/facetime/start-call"


class Api:
    """Sendblue's API as far as lines are concerned, with answers to be set.

    Attributes:
        answers: status and body by path; a str is sent as it is.
        headers: what every answer carries beside that.
        requests: path, and headers of each request.
    """

    def __init__(self, numbers: Sequence[object] = (A, B), states: Sequence[object] | None = ()) -> None:
        self.answers: dict[str, tuple[int, object]] = {
            LINES: (200, {"status": "OK", "numbers": list(numbers)}),
            STATE: (404, {}) if states is None else (200, {"status": "OK", "data": list(states)}),
            START: (403, {"status": "ERROR", "message": "fromNumber is not a FaceTime line"}),
        }
        self.headers: dict[str, str] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.bodies: list[dict[str, str]] = []
        self.slow_s = 0.0
        self.app = Starlette(routes=[Route("/{path:path}", self._answer, methods=["GET", "POST"])])

    async def _answer(self, request: Request) -> Response:
        self.requests.append((request.url.path, dict(request.headers)))
        if request.method == "POST":
            self.bodies.append(await request.json())
        await asyncio.sleep(self.slow_s)
        status, body = self.answers[request.url.path]
        text = body if isinstance(body, str) else json.dumps(body)
        return Response(text, status, self.headers, "application/json")

    def carrier(self, from_number: str = A) -> SendblueCarrier:
        return SendblueCarrier(
            KeyAuth(KEY, SECRET),
            from_number=from_number,
            base_url="https://api.example",
            http=httpx.ASGITransport(self.app),
            clock=LoopClock(),
        )

    def asked(self, path: str = LINES) -> int:
        return [asked for asked, _ in self.requests].count(path)


def state(number: object, status: object = "ONLINE", **more: object) -> dict[str, object]:
    return {"worker_id": "w", "assignment": "assigned", "status": status, "sendblue_number": number, **more}


def lines_of(api: Api) -> tuple[Line, ...]:
    return run_virtual(api.carrier().lines())


# ---- asked for


def test_lines_are_typed_and_in_the_order_of_the_list() -> None:
    api = Api(
        (B, A, C, D),
        (
            state(A, "DEGRADED", degraded_since="2026-11-30T07:00:00Z"),
            state(B, "ONLINE", status_changed_at="yesterday", effective_until="2026-12-31"),
            state(C, "ON FIRE", assignment=7),
            state("+14155550099"),
        ),
    )
    assert lines_of(api) == (
        Line(B, LineStatus.ONLINE, "assigned", "yesterday", "2026-12-31"),
        Line(A, LineStatus.DEGRADED, "assigned", "2026-11-30T07:00:00Z"),
        Line(C, LineStatus.UNKNOWN),
        Line(D, LineStatus.UNKNOWN),
    )
    assert sorted(path for path, _ in api.requests) == [LINES, STATE]
    for _, headers in api.requests:
        assert (headers["sb-api-key-id"], headers["sb-api-secret-key"]) == (KEY, SECRET)
        assert headers["host"] == "api.example"
    assert A not in repr(Line(A))


def test_what_is_not_a_line_is_left_out_and_lists_are_bounded() -> None:
    numbers = [A, A, "4155550001", "+911", None, 5, {"number": B}, "", B]
    states: list[object] = [state(A), state(None), "x", None, {"sendblue_number": B}, {}, state(B, None)]
    assert [line.number for line in lines_of(Api(numbers, states))] == [A, B]
    many = [f"+1415555{index:04d}" for index in range(MOST_LINES + 5)]
    assert len(lines_of(Api(many))) == MOST_LINES
    assert lines_of(Api(())) == ()


@pytest.mark.parametrize("status", [403, 404, 501])
def test_an_account_that_may_not_ask_for_states_has_unknown_ones(status: int, caplog: pytest.LogCaptureFixture) -> None:
    api = Api()
    api.answers[STATE] = status, {"error": "no"}
    assert lines_of(api) == (Line(A), Line(B))
    assert not caplog.messages


@pytest.mark.parametrize("answer", [(500, "x"), (200, "nonsense"), (200, []), (301, ""), (429, "")])
def test_states_that_are_not_known_are_no_error(answer: tuple[int, object], caplog: pytest.LogCaptureFixture) -> None:
    api = Api()
    api.answers[STATE] = answer
    assert lines_of(api) == (Line(A), Line(B))
    (message,) = caplog.messages
    assert message.startswith("the states of the lines are not known: ")


@pytest.mark.parametrize(
    ("answer", "headers", "error", "text"),
    [
        ((401, {"message": "bad keys"}), {}, CredentialsRejected, "does not accept the keys for /api/lines .*bad keys"),
        ((403, ""), {}, CredentialsRejected, "HTTP 403"),
        ((429, ""), {"retry-after": "30"}, RateLimited, "fewer requests"),
        ((500, {"error": {"message": "of ours"}}), {}, CarrierUnavailable, "HTTP 500 for /api/lines.*of ours"),
        ((404, ""), {}, RequestRejected, "HTTP 404.*SENDBLUE_API_BASE_URL"),
        ((302, ""), {"location": "https://evil.example/api/lines"}, CarrierProtocolError, "It is not followed"),
        ((200, "<html>"), {}, CarrierProtocolError, "is not a JSON object"),
        ((200, {"numbers": {"a": 1}}), {}, CarrierProtocolError, "numbers is missing or is not a list"),
        ((200, {}), {}, CarrierProtocolError, "numbers is missing"),
        ((200, {"numbers": ["x" * 1_100_000]}), {}, CarrierProtocolError, "too large for a list of lines"),
    ],
)
def test_answers_that_are_no_list(
    answer: tuple[int, object], headers: dict[str, str], error: type[CarrierError], text: str
) -> None:
    api = Api()
    api.answers[LINES], api.headers = answer, headers
    with pytest.raises(error, match=text) as caught:
        lines_of(api)
    assert "SENTINEL" not in str(caught.value)
    assert api.asked() == 1, "nothing is repeated, and no redirect is followed"
    assert {headers["host"] for _, headers in api.requests} == {"api.example"}
    if isinstance(caught.value, RateLimited):
        assert caught.value.retry_after_s == 30


def test_an_answer_that_does_not_arrive() -> None:
    api = Api()
    api.slow_s = 1000
    with pytest.raises(CarrierUnavailable, match=r"the answer to /api/lines was lost .*within 8 s"):
        lines_of(api)

    async def nothing_listens() -> None:
        carrier = SendblueCarrier(KeyAuth(KEY, SECRET), from_number=A, base_url="http://127.0.0.1:9")
        with pytest.raises(CarrierUnavailable, match=r"nothing answers at http://127\.0\.0\.1:9"):
            await carrier.lines()
        await carrier.aclose()

    asyncio.run(nothing_listens())


# ---- chosen among


def test_the_line_that_is_set_is_the_only_choice_and_nothing_is_asked() -> None:
    api = Api()
    assert run_virtual(api.carrier(A).lines_to_choose()) == (A,)
    assert run_virtual(api.carrier("").lines_to_choose()) == ()
    assert not api.requests


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (("ONLINE", "OFFLINE", "UNKNOWN", "DEGRADED"), (A, C)),
        (("OFFLINE", "OFFLINE", "DEGRADED", "DEGRADED"), (C, D)),
        (("OFFLINE",) * 4, (A, B, C, D)),
    ],
)
def test_lines_that_are_online_or_unknown_are_preferred(statuses: tuple[str, ...], expected: tuple[str, ...]) -> None:
    states = [state(number, status) for number, status in zip((A, B, C, D), statuses, strict=True)]
    api = Api((A, B, C, D), states)
    assert run_virtual(api.carrier("auto").lines_to_choose()) == expected
    assert best(()) == ()


def test_the_account_is_asked_once_in_some_minutes_however_many_calls() -> None:
    async def main() -> None:
        api = Api()
        api.slow_s = 1
        carrier = api.carrier("auto")
        assert repr(carrier).endswith("from auto)")
        await carrier.check()
        assert not api.requests
        found = await asyncio.gather(*(carrier.lines_to_choose() for _ in range(100)))
        assert set(found) == {(A, B)}
        assert api.asked() == 1
        assert (await carrier.line_id(B)).endswith(f" {B}")
        assert (await carrier.line_id()).endswith(f" {A}"), "without a phone, which would choose"
        await asyncio.sleep(FRESH_S - 3)
        await carrier.lines_to_choose()
        assert api.asked() == 1
        await asyncio.sleep(5)
        api.answers[LINES] = 200, {"numbers": [C]}
        assert await carrier.lines_to_choose() == (C,)
        assert api.asked() == 2
        await carrier.aclose()

    run_virtual(main())


def test_an_old_list_is_better_than_none(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        api = Api()
        good = api.answers[LINES]
        api.answers[LINES] = 503, {}
        carrier = api.carrier("auto")
        for asked in (1, 2):
            with pytest.raises(CarrierUnavailable):
                await carrier.lines_to_choose()
            assert api.asked() == asked, "no list is known, so the next call asks again"
        api.answers[LINES] = good
        assert await carrier.lines_to_choose() == (A, B)
        await asyncio.sleep(FRESH_S + 1)
        api.answers[LINES] = 503, {}
        for _ in range(3):
            assert await carrier.lines_to_choose() == (A, B)
        assert api.asked() == 4, "nor is it asked for each call"

    run_virtual(main())
    assert [message for message in caplog.messages if "could not be asked for again" in message]


def test_a_line_that_is_refused_is_not_chosen_again() -> None:
    async def main() -> None:
        api = Api()
        carrier = api.carrier("auto")
        assert await carrier.lines_to_choose() == (A, B)
        for line, left in ((A, (B,)), (B, ())):
            with pytest.raises(CredentialsRejected):
                await carrier.start_call(DialRequest("call_1", NUMBER, from_number=line))
            assert api.bodies[-1]["fromNumber"] == line
            if left:
                assert await carrier.lines_to_choose() == left
        assert len(api.bodies) == 2, "nothing is retried"
        with pytest.raises(ConfigError, match="no line to call from: the carrier refused a call from each line"):
            await carrier.lines_to_choose()
        await carrier.aclose()

    run_virtual(main())


@pytest.mark.parametrize(
    ("answer", "refused"),
    [
        ((400, {"message": "from number must be a FaceTime line"}), True),
        ((403, {"message": "from_number is not enabled"}), True),
        ((400, {"message": "phoneNumber is not valid"}), False),
        ((401, {"message": "fromNumber"}), False),
        ((429, {"message": "fromNumber"}), False),
        ((500, {"message": "fromNumber"}), False),
    ],
)
def test_only_a_refusal_that_names_the_line_costs_the_line(answer: tuple[int, object], refused: bool) -> None:
    async def main() -> None:
        api = Api()
        api.answers[START] = answer
        for from_number in ("auto", A):
            carrier = api.carrier(from_number)
            await carrier.lines_to_choose()
            with pytest.raises(CarrierError):
                await carrier.start_call(DialRequest("call_1", NUMBER, from_number=A))
            expected = {"auto": (B,) if refused else (A, B), A: (A,)}
            assert await carrier.lines_to_choose() == expected[from_number]

    run_virtual(main())


def test_an_account_without_lines() -> None:
    with pytest.raises(ConfigError, match="no line to call from: this account has no lines"):
        run_virtual(Api(()).carrier("auto").lines_to_choose())


def test_a_line_of_another_account_is_not_remembered_as_refused() -> None:
    async def main() -> None:
        async def ask() -> tuple[Line, ...]:
            return (Line(A),)

        choice = LineChoice(ask, LoopClock())
        choice.refuse(B)
        assert await choice.numbers() == (A,)
        assert not choice._refused, "it holds no more than the account has lines"

    run_virtual(main())


# ---- a phone, against the mock


def test_a_phone_chooses_among_the_lines_of_its_account() -> None:
    async def main() -> None:
        async with InProcessMock(clock=LoopClock()) as server:
            tenant = server.tenants.create(lines=(A, B))
            environment = {**server.environment_of(tenant), "OFFHOOK_FROM_NUMBER": "auto"}
            phone = Phone(
                environment=environment,
                transport="memory",
                plugins=[server],
                http=server.http(),
                clock=LoopClock(),
                store=None,
                policy=CallPolicy(ring_timeout_s=5),
                redial_window_s=30,
            )
            async with phone:
                async with phone.dial(NUMBER) as call, phone.dial(NUMBER[:-1] + "4") as other:
                    assert (call.record.from_number, other.record.from_number) == ("+1415•••0001", "+1415•••0002")
                    assert sorted(live.from_number for live in tenant.calls.values()) == [A, B]
                    with pytest.raises(DoubleDial):
                        await phone.dial(NUMBER).__aenter__()
                async with phone.dial(NUMBER, from_number=B, redial=True) as third:
                    assert third.record.from_number == "+1415•••0002"

    run_virtual(main())


# ---- the commands


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Removes what this machine sets."""
    for name in ("OFFHOOK_CARRIER", "OFFHOOK_AUTH", "OFFHOOK_RELAY_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("from_number", ["auto", A, ""])
def test_offhook_lines_lists_the_lines(from_number: str, machine: None, capsys: pytest.CaptureFixture[str]) -> None:
    with mock(options=MockOptions(lines=(A, B))) as handle, pytest.MonkeyPatch.context() as inner:
        for name, value in {**handle.environment, "OFFHOOK_FROM_NUMBER": from_number}.items():
            inner.setenv(name, value)
        assert offhook(["lines"]) == ExitCode.COMPLETED
        lines = capsys.readouterr().out.splitlines()
        assert [line.split()[0] for line in lines[:3]] == ["number", A, B]
        assert lines[-1].startswith(f"OFFHOOK_FROM_NUMBER is {from_number or 'not set'}")
        assert offhook(["lines", "--json"]) == ExitCode.COMPLETED
        document = json.loads(capsys.readouterr().out)
        assert document["from_number"] == from_number
        assert [line["number"] for line in document["lines"]] == [A, B]
        assert document["lines"][0].keys() == {
            *("number", "status", "assignment", "status_changed_at", "effective_until")
        }
        found = list(findings(Environment(dict(handle.environment) | {"OFFHOOK_FROM_NUMBER": from_number})))
        if from_number == "auto":
            ((level, text),) = [(finding.level, finding.text) for finding in found]
            assert (level, text) == (Level.FINE, "auto: a call would be from +1415•••0001, +1415•••0002, by turns")
        else:
            assert not found, "nothing is asked"
        assert not handle.calls


@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [
        ({"SENDBLUE_API_API_SECRET": "wrong-SENTINEL"}, ExitCode.REFUSED, "does not accept the keys for /api/lines"),
        ({"OFFHOOK_CARRIER": "acme"}, ExitCode.BAD_USAGE, "offhook lines asks Sendblue, and OFFHOOK_CARRIER is 'acme'"),
        ({"OFFHOOK_AUTH": "acme"}, ExitCode.BAD_USAGE, "acme"),
        ({"SENDBLUE_API_API_KEY": ""}, ExitCode.BAD_USAGE, "SENDBLUE_API_API_KEY is not set"),
        ({"SENDBLUE_API_BASE_URL": "http://127.0.0.1:9"}, ExitCode.FAILED, "nothing answers"),
    ],
)
def test_offhook_lines_says_what_is_wrong(
    changes: dict[str, str],
    code: ExitCode,
    text: str,
    machine: None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with mock() as handle, pytest.MonkeyPatch.context() as inner:  # inner: the mock puts its own back afterwards
        environment: dict[str, str] = {**handle.environment, **changes, "OFFHOOK_FROM_NUMBER": "auto"}
        for name, value in environment.items():
            inner.setenv(name, value)
        assert offhook(["lines"]) == code
        printed = capsys.readouterr()
        assert printed.out == ""
        assert text in printed.err
        assert "SENTINEL" not in printed.err
        if "OFFHOOK_CARRIER" not in changes:
            (finding,) = findings(Environment(environment))
            assert finding.level is (Level.NOTE if "OFFHOOK_AUTH" in changes else Level.WRONG)
            assert "SENTINEL" not in finding.text


@pytest.mark.parametrize(
    ("choice", "text"),
    [
        ("+19999999999", "is '+19999999999', which is not a line of this account"),
        ("Auto", "is 'Auto': write auto in small letters"),
        ("14155550001", "as it stands in the list"),
    ],
)
def test_offhook_lines_says_that_no_call_can_be_from_the_line_that_is_set(
    choice: str, text: str, machine: None, capsys: pytest.CaptureFixture[str]
) -> None:
    with mock(options=MockOptions(lines=(A, B))) as handle, pytest.MonkeyPatch.context() as inner:
        for name, value in {**handle.environment, "OFFHOOK_FROM_NUMBER": choice}.items():
            inner.setenv(name, value)
        for options in ([], ["--json"]):
            assert offhook(["lines", *options]) == ExitCode.BAD_USAGE
            printed = capsys.readouterr()
            assert A in printed.out
            assert text in printed.err


def test_lines_that_are_all_offline_are_not_called_online(machine: None, capsys: pytest.CaptureFixture[str]) -> None:
    with mock(options=MockOptions(lines=(A, B))) as handle, pytest.MonkeyPatch.context() as inner:
        for line in (A, B):
            handle.on_loop(partial(handle.tenant.account.lines.set_status, line, "OFFLINE"))
        environment = {**handle.environment, "OFFHOOK_FROM_NUMBER": "auto"}
        for name, value in environment.items():
            inner.setenv(name, value)
        assert offhook(["lines"]) == ExitCode.COMPLETED
        says = "among the lines that are offline, as none is in a better state"
        assert says in capsys.readouterr().out.splitlines()[-1]
        (finding,) = findings(Environment(environment))
        assert finding.level is Level.NOTE
        assert "a call would be from +1415•••0001" in finding.text
        assert "one of the lines that are offline" in finding.text


def test_offhook_lines_of_an_account_without_any(
    machine: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    api = Api(())

    def carrier(environment: Environment, auth: Any) -> SendblueCarrier:
        return api.carrier()

    monkeypatch.setattr(SendblueCarrier, "from_environment", carrier)
    assert offhook(["lines"]) == ExitCode.COMPLETED
    assert capsys.readouterr().out == "the account has no lines\n"
