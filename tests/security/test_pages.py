"""A hostile page in the user's browser tries every operation of both APIs, every page and every door, over sockets.

The requests have the credentials that a page cannot have, so that nothing but the checks of browsers stops them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import pytest
from tests.mockserver.hostile import HANDSHAKE
from tests.security.mocks import credentials, problem_of, run, served, state_of
from tests.security.requests import Sample, ask, samples

from offhook_mockserver.server.guard_notes import MOST_NOTED
from offhook_mockserver.tenants.entry import EntryKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.security.requests import HttpAnswer

    from offhook_mockserver.server import MockServer

EVIL: Final = "https://evil.example"
#: What a browser can be asked for beside the operations: pages, doors, and what is not there.
OTHERS: Final = tuple(
    Sample(f"GET {path}", "GET", path, b"", "")
    for path in ("/", "/mock", "/mock/docs", "/mock/openapi.json", "/relay", "/relay/join", "/relay/pcm", "/unknown")
)
ALL: Final = (*samples(), *OTHERS)
WRITES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_EMBEDDED: Final = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
_SCRIPTED: Final = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty"}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way in which a page can cause a request.

    Attributes:
        headers: what a browser adds; ``{port}`` is the port of the mock.
        method: the method, if it is not that of the operation.
        media_type: the type of a body, if the page cannot have that of the operation.
        status: how it is refused.
    """

    headers: Mapping[str, str]
    method: str = ""
    media_type: str = ""
    status: int = 403


ATTEMPTS: Final[Mapping[str, Attempt]] = {
    "fetch": Attempt({"origin": EVIL, **_SCRIPTED}),
    "fetch without cors": Attempt({"origin": EVIL, **_EMBEDDED}, method="POST", media_type="text/plain"),
    "form": Attempt(
        {
            "origin": EVIL,
            "sec-fetch-site": "cross-site",
            "sec-fetch-mode": "navigate",
            "sec-fetch-dest": "document",
            "sec-fetch-user": "?1",
        },
        method="POST",
        media_type="application/x-www-form-urlencoded",
    ),
    "form of an old browser": Attempt({"origin": EVIL}, method="POST", media_type="multipart/form-data; boundary=x"),
    "sandboxed frame": Attempt({"origin": "null", **_SCRIPTED}),
    "page of a file": Attempt({"origin": "file://"}),
    "another port": Attempt({"origin": "http://127.0.0.1:1", **_SCRIPTED, "sec-fetch-site": "same-site"}),
    "another port, in an old browser": Attempt({"origin": "http://127.0.0.1:1"}),
    "https on this port": Attempt({"origin": "https://127.0.0.1:{port}", **_SCRIPTED}),
    "image": Attempt({**_EMBEDDED, "sec-fetch-dest": "image"}, method="GET"),
    "script": Attempt({**_EMBEDDED, "sec-fetch-dest": "script"}, method="GET"),
    "frame": Attempt(
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}, method="GET"
    ),
    "EventSource": Attempt(
        {"origin": EVIL, **_SCRIPTED, "accept": "text/event-stream", "cache-control": "no-cache"}, method="GET"
    ),
    "preflight": Attempt(
        {
            "origin": EVIL,
            **_SCRIPTED,
            "access-control-request-method": "POST",
            "access-control-request-headers": "content-type,sb-api-key-id,authorization",
            "access-control-request-private-network": "true",
        },
        method="OPTIONS",
    ),
    "rebound name": Attempt({"host": "evil.example:{port}", "sec-fetch-site": "same-origin"}, status=421),
    "rebound name with its origin": Attempt(
        {"host": "evil.example:{port}", "origin": "http://evil.example:{port}", "sec-fetch-site": "same-origin"},
        status=421,
    ),
    "WebSocket": Attempt({"origin": EVIL, **HANDSHAKE}, method="GET"),
    "WebSocket of a sandboxed frame": Attempt({"origin": "null", **HANDSHAKE}, method="GET"),
    "WebSocket without an origin": Attempt({"sec-fetch-site": "cross-site", **HANDSHAKE}, method="GET"),
    "WebSocket of a rebound name": Attempt({"host": "evil.example:{port}", **HANDSHAKE}, method="GET", status=421),
}


async def attempt(mock: MockServer, sample: Sample, way: Attempt, **more: str) -> HttpAnswer:
    """Send the request of an operation as a page would."""
    method = way.method or sample.method
    body = sample.body if method in WRITES else b""
    headers = {**credentials(mock, control=sample.is_control), **more}
    if body:
        headers["content-type"] = way.media_type or sample.media_type
    headers |= {name: value.format(port=mock.port) for name, value in way.headers.items()}
    return await ask(mock.port, method, sample.target, headers, body)


def shows_nothing(mock: MockServer, answer: HttpAnswer) -> None:
    """A page may read nothing of it."""
    assert not [name for name in answer.headers if name.startswith(("access-control-", "set-cookie"))]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "timing-allow-origin" not in answer.headers
    text = answer.body.decode()
    assert len(text) < 300
    for secret in (mock.control_token, mock.tenant.api_key, mock.tenant.api_secret):
        assert secret.reveal() not in text


@pytest.mark.fault("F48", "F49", "F50")
@pytest.mark.safety("S1", "S2", "S3", "S6", "S7")
@pytest.mark.parametrize("way", ATTEMPTS)
def test_a_hostile_page_reaches_no_operation(way: str) -> None:
    async def test() -> None:
        async with served(lenient=True) as mock:
            before, wanted = state_of(mock), ATTEMPTS[way]
            for sample in ALL:
                answer = await attempt(mock, sample, wanted)
                assert answer.status == wanted.status, f"{sample.operation}: {answer.status} {answer.body!r}"
                shows_nothing(mock, answer)
                assert problem_of(answer, control=sample.is_control)
            assert state_of(mock) == before
            assert mock.guard_notes.counts == {wanted.status: len(ALL)}
            noted = mock.tenant.journal.entries
            assert len(noted) == MOST_NOTED
            assert {entry.kind.value for entry in noted} == {"refusal"}
            assert not any("/mock/v1" in entry.text for entry in noted)

    run(test)


@pytest.mark.safety("S3", "S7")
def test_the_same_requests_change_things_if_a_program_sends_them() -> None:
    """Otherwise the test above would show nothing."""

    async def test() -> None:
        async with served(lenient=True) as mock:
            before = state_of(mock)
            done: set[str] = set()
            for sample in sorted(samples(), key=lambda each: each.method == "DELETE"):
                if sample.streams or sample.target.endswith("/wait"):
                    continue
                headers = credentials(mock, control=sample.is_control)
                if sample.is_open:
                    headers = {}
                if sample.body:
                    headers["content-type"] = sample.media_type
                answer = await ask(mock.port, sample.method, sample.target, headers, sample.body)
                assert answer.status < 500, (sample, answer)
                if answer.status < 300:
                    done.add(sample.operation)
            assert state_of(mock) != before
            writes = {name for name in done if not name.startswith("GET")}
            assert len(writes) > 35, sorted({sample.operation for sample in samples()} - done)
            assert not mock.guard_notes.counts

    run(test)


@pytest.mark.fault("F47", "F48")
@pytest.mark.safety("S3", "S10")
@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_page_of_our_own_origin_may_not_write_forms_and_not_control_anything(media_type: str) -> None:
    async def test() -> None:
        async with served(lenient=True) as mock:
            before, own = state_of(mock), {"origin": f"http://127.0.0.1:{mock.port}", "sec-fetch-site": "same-origin"}
            for sample in samples():
                if sample.is_open or sample.method not in WRITES:
                    continue
                headers = {**own, **credentials(mock, control=sample.is_control), "content-type": media_type}
                if not media_type:
                    del headers["content-type"]
                answer = await ask(mock.port, sample.method, sample.target, headers, sample.body or b"a=b")
                assert answer.status in ({403, 415} if sample.is_control else {415}), sample.operation
                shows_nothing(mock, answer)
                if sample.is_control and sample.media_type == "application/json":
                    answer = await attempt(mock, sample, Attempt(own))
                    assert (answer.status, answer.json["error"]["code"]) == (403, "browser")
            assert state_of(mock) == before

    run(test)


@pytest.mark.fault("F48")
@pytest.mark.safety("S6")
def test_without_credentials_a_request_learns_nothing_whatever_sends_it() -> None:
    """A browser that is too old to say which page a read is for."""

    async def test() -> None:
        async with served(lenient=True) as mock:
            before = state_of(mock)
            for sample in samples():
                if sample.is_open:
                    continue
                headers = {"content-type": sample.media_type} if sample.body else {}
                answer = await ask(mock.port, sample.method, sample.target, headers, sample.body)
                assert answer.status == 401, (sample.operation, answer)
                shows_nothing(mock, answer)
            assert state_of(mock) == before

    run(test)


@pytest.mark.fault("F51")
@pytest.mark.safety("S9")
def test_a_link_leads_to_our_page_which_runs_no_script_and_cannot_be_framed() -> None:
    async def test() -> None:
        async with served() as mock:
            link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
            page = await ask(mock.port, "GET", "/mock/docs", link)
            assert page.status == 200
            assert "default-src 'none'" in page.headers["content-security-policy"]
            assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
            assert page.headers["content-type"].startswith("text/html")
            assert page.headers["x-content-type-options"] == "nosniff"
            assert b"<script" not in page.body.lower()
            assert (await ask(mock.port, "POST", "/mock/docs", link)).status == 403

    run(test)


@pytest.mark.fault("F51")
@pytest.mark.safety("S9")
@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "'\"><img src=x onerror=alert(1)>"])
def test_markup_that_a_client_sends_is_never_answered_as_a_page(text: str) -> None:
    async def test() -> None:
        async with served(lenient=True) as mock:
            quoted = quote(text)
            targets = [f"/{quoted}", f"/api/v2/messages/{quoted}", f"/relay/{quoted}", f"/mock/{quoted}"]
            targets += [f"/mock/docs?{quoted}", f"/mock/v1/{quoted}", f"/mock/v1/tenants/{quoted}/journal"]
            for target in targets:
                headers = credentials(mock, control=target.startswith("/mock/v1"))
                answer = await ask(mock.port, "GET", target, headers)
                is_page = answer.headers["content-type"].startswith("text/html")
                assert is_page == target.startswith("/mock/docs")
                assert answer.headers["x-content-type-options"] == "nosniff"
                if is_page:
                    assert text.encode() not in answer.body

    run(test)


@pytest.mark.fault("F45")
@pytest.mark.safety("S7")
def test_a_page_that_floods_pushes_nothing_out_of_a_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async with served() as mock:
            now_s = mock.clock.monotonic_s()
            monkeypatch.setattr(mock.clock, "monotonic_s", lambda: now_s)
            mock.tenant.journal.add(EntryKind.NOTE, "what matters")
            way = ATTEMPTS["image"]
            for _ in range(MOST_NOTED + 20):
                await attempt(mock, OTHERS[-1], way)
            assert len(mock.tenant.journal) == 1 + MOST_NOTED
            now_s += 61
            await attempt(mock, OTHERS[-1], way)
            last = mock.tenant.journal.entries[-1]
            assert last.fields["unnoted"] == 20
            assert "20 more with this status before it" in last.text
            assert mock.guard_notes.counts == {403: MOST_NOTED + 21}

    run(test)
