"""The carrier against real servers on loopback that answer well, badly, or not at all."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import socket
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import httpcore
import httpx
import pytest

from offhook.errors import (
    CarrierProtocolError,
    CarrierUnavailable,
    ConfigError,
    CredentialsRejected,
    NumberRejected,
    OffhookError,
    PluginError,
    RateLimited,
    RequestRejected,
    StartAmbiguous,
)
from offhook.interfaces import Auth, DialRequest, Environment, Level
from offhook.plugin import Plugins
from offhook.secret import RedactingFilter, Secret
from offhook_sendblue import CallableAuth, KeyAuth, SendblueCarrier
from offhook_sendblue import client as client_module
from offhook_wire.access_token import mint

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

FROM, TO = "+18885550199", "+14155550123"
REQUEST = DialRequest("call_1", TO)
KEY, SECRET, TOKEN = "key-SENTINEL-1", "secret-SENTINEL-2", "007SENTINELtokenSENTINELtoken"
GOOD = json.dumps(
    {
        "status": "OK",
        "message": "Call started",
        "agora": {"appId": "a" * 32, "channelName": "ft_call_9f8e7d6c5b4a3210", "token": TOKEN, "uid": 0},
    }
).encode()

Behaviour: TypeAlias = "Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]"


def http(status: int, body: bytes = b"", *headers: str, length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body) if length is None else length}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


class Server:
    """Reads one request per connection, then runs a script."""

    def __init__(self, behave: Behaviour) -> None:
        self._behave = behave
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.connections = 0
        self.url = ""
        self._tasks: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncGenerator[Server]:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks)
            await server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.requests.append((head[0], headers, body))
            await self._behave(reader, writer)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def answering(*parts: bytes) -> Server:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()

    return Server(behave)


@pytest.fixture(autouse=True, params=["plain", "httpx"])
def client_kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Servers on this machine have a client of their own; httpx, for the internet, must behave alike."""
    if request.param == "httpx":
        monkeypatch.setattr(client_module, "_is_plain", lambda url: False)
    return str(request.param)


def carrier_for(url: str, timeout_s: float = 5.0) -> SendblueCarrier:
    return SendblueCarrier(KeyAuth(KEY, SECRET), from_number=FROM, base_url=url, timeout_s=timeout_s)


async def start(server: Server, timeout_s: float = 5.0) -> OffhookError:
    """Return what a start-call to a failing server raises."""
    async with server.running():
        carrier = carrier_for(server.url, timeout_s)
        try:
            with pytest.raises(OffhookError) as caught:
                await carrier.start_call(REQUEST)
        finally:
            await carrier.aclose()
    assert len(server.requests) == 1, "a start-call is never sent twice"
    return caught.value


def no_secret_in(error: BaseException) -> None:
    """Neither in its text, nor in its traceback with locals, nor in what hangs on it."""
    shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    for secret in (KEY, SECRET, TOKEN):
        assert secret not in f"{error!s} {error!r}"
        assert secret not in shown
    assert error.__cause__ is None
    assert error.__context__ is None


def test_the_documented_request_leaves_and_the_documented_answer_is_a_grant() -> None:
    server = answering(http(200, GOOD))

    async def main() -> None:
        async with server.running():
            carrier = carrier_for(f"{server.url}/prefix")
            await carrier.check()
            assert not server.requests, "check does not ring"
            grant = await carrier.start_call(REQUEST)
            await carrier.aclose()
            await carrier.aclose()
        assert (grant.channel, grant.uid, grant.endpoint) == ("ft_call_9f8e7d6c5b4a3210", 0, f"{server.url}/prefix")

    asyncio.run(main())
    ((line, headers, body),) = server.requests
    assert line == "POST /prefix/facetime/start-call HTTP/1.1"
    assert (headers["sb-api-key-id"], headers["sb-api-secret-key"]) == (KEY, SECRET)
    assert headers["content-type"] == "application/json"
    assert headers["accept-encoding"] == "identity"
    assert json.loads(body) == {"phoneNumber": TO, "fromNumber": FROM}


def test_each_call_gets_a_connection_of_its_own() -> None:
    """The server may close a kept one as the next request is sent; then it is unknown whether the phone rang."""

    async def keep_open(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(http(200, GOOD))
        await reader.read()

    server = Server(keep_open)

    async def main() -> None:
        async with server.running():
            carrier = carrier_for(server.url)
            await carrier.start_call(REQUEST)
            await carrier.start_call(REQUEST)
            await carrier.aclose()

    asyncio.run(main())
    assert server.connections == 2


@pytest.mark.fault("F1")
def test_nothing_there_is_not_ambiguous() -> None:
    async def main() -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            carrier = carrier_for(f"http://127.0.0.1:{unused.getsockname()[1]}")
            with pytest.raises(CarrierUnavailable, match="offhook mock") as caught:
                await carrier.start_call(REQUEST)
            assert not caught.value.may_have_rung
            no_secret_in(caught.value)
            await carrier.aclose()

    asyncio.run(main())


@pytest.mark.fault("F1")
def test_connecting_is_tried_again_because_nothing_has_left() -> None:
    class Flaky(httpx.AsyncBaseTransport):
        attempts = 0

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            self.attempts += 1
            if self.attempts < 3:
                raise httpx.ConnectError("refused")
            return httpx.Response(200, stream=httpx.ByteStream(GOOD))

    flaky = Flaky()

    async def main() -> None:
        carrier = SendblueCarrier(KeyAuth(KEY, SECRET), from_number=FROM, http=flaky)
        await carrier.start_call(REQUEST)
        await carrier.aclose()

    asyncio.run(main())
    assert flaky.attempts == 3


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def dribble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(http(200, b"", length=len(GOOD)))
    for byte in GOOD:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.05)


@pytest.mark.fault("F2")
@pytest.mark.fault("F9")
@pytest.mark.parametrize(
    "server",
    [
        pytest.param(lambda: Server(reset), id="reset"),
        pytest.param(lambda: Server(silent), id="silent"),
        pytest.param(lambda: Server(dribble), id="dribble"),
        pytest.param(lambda: answering(), id="closed"),
        pytest.param(lambda: answering(b"HTTP/1.1 200 OK\r\ncontent-le"), id="half a head"),
        pytest.param(lambda: answering(http(200, GOOD[:100], length=len(GOOD))), id="half a body"),
        pytest.param(lambda: answering(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), id="no HTTP"),
    ],
)
def test_an_answer_that_is_lost_is_ambiguous_and_the_request_is_not_repeated(server: Callable[[], Server]) -> None:
    error = asyncio.run(start(server(), timeout_s=0.5))
    assert type(error) is StartAmbiguous
    assert error.may_have_rung
    assert "the phone of +1415•••0123 may have rung" in error.message
    no_secret_in(error)


def test_a_refusal_whose_page_is_lost_is_still_a_refusal() -> None:
    error = asyncio.run(start(answering(http(401, b"<html>", length=5000)), timeout_s=0.5))
    assert type(error) is CredentialsRejected
    assert "from the auth offhook_sendblue.auth.KeyAuth." in error.message, "no variable that was never read"


@pytest.mark.fault("F6")
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (http(401, b'{"status":"ERROR","message":"bad keys"}'), CredentialsRejected),
        (http(400, b"<html>no</html>", "content-type: text/html"), RequestRejected),
        (http(422, b'{"error":{"message":"no"}}'), RequestRejected),
        (http(429, b"", "retry-after: 9"), RateLimited),
        (http(503, b"busy"), CarrierUnavailable),
        (http(200, b'{"status":"ERROR","message":"no"}'), RequestRejected),
        (http(200, b"<html>hello</html>"), CarrierProtocolError),
        (http(200, GOOD, "content-encoding: gzip"), CarrierProtocolError),
        (http(200, GOOD.replace(b": 0}", b': "0"}')), CarrierProtocolError),
    ],
)
def test_answers_over_a_real_socket_are_judged(answer: bytes, kind: type[OffhookError]) -> None:
    error = asyncio.run(start(answering(answer)))
    assert type(error) is kind
    no_secret_in(error)


@pytest.mark.fault("F9")
def test_an_endless_answer_is_cut_off() -> None:
    sent = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(http(200, length=1_000_000_000))
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()
            sent += 65536

    error = asyncio.run(start(Server(flood)))
    assert type(error) is CarrierProtocolError
    assert "too large" in error.message
    assert sent < 50_000_000, "the client did not wait for the gigabyte"


@pytest.mark.fault("F10")
def test_a_redirect_is_not_followed_with_keys() -> None:
    async def main() -> None:
        async with answering(http(200, GOOD)).running() as other:
            error = await start(answering(http(307, b"", f"location: {other.url}/facetime/start-call")))
            assert type(error) is CarrierProtocolError
            assert not other.connections

    asyncio.run(main())


def test_the_environments_proxy_does_not_see_calls_to_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with answering(http(200, GOOD)).running() as proxy, answering(http(200, GOOD)).running() as server:
            monkeypatch.setenv("HTTP_PROXY", proxy.url)
            monkeypatch.setenv("ALL_PROXY", proxy.url)
            carrier = carrier_for(server.url)
            await carrier.check()
            await carrier.start_call(REQUEST)
            await carrier.aclose()
            # The check makes none where the relay is at the same place, which the transport's check asks.
            assert (proxy.connections, server.connections) == (0, 1)

    asyncio.run(main())


@pytest.mark.fault("F11")
def test_a_line_does_not_call_itself() -> None:
    async def main() -> None:
        async with answering(http(200, GOOD)).running() as server:
            carrier = carrier_for(server.url)
            with pytest.raises(NumberRejected):
                await carrier.start_call(DialRequest("call_1", FROM))
            await carrier.aclose()
            assert not server.connections

    asyncio.run(main())


def test_a_call_can_be_from_another_line_which_needs_no_line_of_its_own() -> None:
    other = "+18885550198"

    async def main() -> None:
        async with answering(http(200, GOOD)).running() as server:
            carrier = SendblueCarrier(KeyAuth(KEY, SECRET), from_number="", base_url=server.url)
            await carrier.check()
            with pytest.raises(ConfigError, match="set OFFHOOK_FROM_NUMBER"):
                await carrier.line_id()
            with pytest.raises(ConfigError, match="--from"):
                await carrier.start_call(REQUEST)
            assert not server.requests
            assert (await carrier.line_id(other)).endswith(f" {other}")
            await carrier.start_call(DialRequest("call_1", TO, from_number=other))
            await carrier.aclose()
            ((_, _, body),) = server.requests
            assert json.loads(body) == {"phoneNumber": TO, "fromNumber": other}

    asyncio.run(main())


@pytest.mark.parametrize("from_number", ["+1", "18885550199"])
def test_check_finds_a_bad_from_number_before_anything_rings(from_number: str) -> None:
    carrier = SendblueCarrier(KeyAuth(KEY, SECRET), from_number=from_number)
    with pytest.raises(ConfigError, match=r"number"):
        asyncio.run(carrier.check())


def test_check_finds_missing_keys() -> None:
    def none() -> tuple[str, str]:
        raise ConfigError("the vault is locked")

    carrier = SendblueCarrier(CallableAuth(none), from_number=FROM)
    with pytest.raises(ConfigError, match="vault"):
        asyncio.run(carrier.check())


def test_an_auth_that_does_not_answer_fails() -> None:
    async def never() -> tuple[str, str]:
        await asyncio.Event().wait()
        return KEY, SECRET

    carrier = SendblueCarrier(CallableAuth(never), from_number=FROM, timeout_s=0.05)
    with pytest.raises(PluginError, match=r"CallableAuth' failed in headers: no answer within 0\.05 s"):
        asyncio.run(carrier.start_call(REQUEST))


class WrongAuth(Auth):
    def __init__(self, given: object) -> None:
        self._given = given

    async def headers(self, host: str) -> Mapping[str, Secret]:
        if isinstance(self._given, Exception):
            raise self._given
        return self._given  # type: ignore[return-value]  # what plugins do


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (RuntimeError("vault is sealed"), "RuntimeError: vault is sealed"),
        ({"sb-api-key-id": "plain"}, "a header must be a str and a Secret"),
        ({}, "no header"),
        (None, "no header"),
    ],
)
def test_an_error_of_an_auth_names_the_auth(given: object, says: str) -> None:
    carrier = SendblueCarrier(WrongAuth(given), from_number=FROM)
    with pytest.raises(PluginError, match=f"WrongAuth' failed in headers: .*{says}"):
        asyncio.run(carrier.check())


def test_where_grants_are_joined() -> None:
    def endpoint(**arguments: str) -> str | None:
        return SendblueCarrier(KeyAuth(KEY, SECRET), from_number=FROM, **arguments).endpoint  # type: ignore[arg-type]  # URLs alone

    assert endpoint() is None
    assert endpoint(base_url="http://127.0.0.1:9") == "http://127.0.0.1:9"
    assert endpoint(relay_url="http://127.0.0.1:7/") == "http://127.0.0.1:7"
    with pytest.raises(ConfigError, match="OFFHOOK_RELAY_URL"):
        endpoint(relay_url="http://relay.example")


@pytest.mark.parametrize(
    ("base_url", "relay_url", "wrong"),
    [
        ("", "http://127.0.0.1:7", True),
        ("https://api.sendblue.co", "http://localhost:7", True),
        ("https://gateway.example", "http://127.0.0.1:7", False),
        ("http://127.0.0.1:7", "http://127.0.0.1:7", False),
        ("", "", False),
    ],
)
def test_a_person_is_not_rung_for_a_call_that_would_be_joined_at_a_mock(
    base_url: str, relay_url: str, wrong: bool
) -> None:
    environment = Environment({"SENDBLUE_API_BASE_URL": base_url, "OFFHOOK_RELAY_URL": relay_url})
    plugins = Plugins.load(commands=True)
    found = list(plugins.make(plugins.diagnosis, "route", environment))
    if wrong:
        with pytest.raises(ConfigError, match="Sendblue would ring a person"):
            SendblueCarrier.from_environment(environment, KeyAuth(KEY, SECRET))
        assert [finding.level for finding in found] == [Level.WRONG]
    else:
        SendblueCarrier.from_environment(environment, KeyAuth(KEY, SECRET))
        assert not found


def test_a_traceback_can_show_a_carrier_whose_making_failed() -> None:
    with pytest.raises(ConfigError) as caught:
        SendblueCarrier(KeyAuth(KEY, SECRET), from_number=FROM, base_url="ftp://x")
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert "self = SendblueCarrier(not made, from" in shown


@pytest.mark.parametrize("timeout_s", [0, -1, float("inf"), float("nan")])
def test_a_deadline_is_finite(timeout_s: float) -> None:
    with pytest.raises(ConfigError, match="timeout_s"):
        SendblueCarrier(KeyAuth(KEY, SECRET), from_number=FROM, timeout_s=timeout_s)


@pytest.mark.fault("F56")
def test_no_secret_is_in_any_log_even_when_the_server_echoes_it(
    client_kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    echo = answering(http(200, GOOD, f"x-echo: {SECRET}", f"set-cookie: k={KEY}"))

    async def main() -> None:
        async with echo.running():
            carrier = carrier_for(echo.url)
            held = Secret(TOKEN)
            grant = await carrier.start_call(REQUEST)
            assert held.matches(grant.token.reveal())
            assert FROM not in repr(carrier)
            assert SECRET not in repr(carrier)
            await carrier.aclose()

    asyncio.run(main())
    assert ("x-echo" in caplog.text) == (client_kind == "httpx"), "httpcore does log the answer's headers"
    for secret in (KEY, SECRET, TOKEN):
        assert secret not in caplog.text


def test_each_logger_of_the_http_client_is_filtered() -> None:
    """Read from the sources: modules for optional protocols cannot be imported without their libraries."""
    names: set[str] = set()
    for package in (httpx, httpcore):
        for source in Path(package.__path__[0]).rglob("*.py"):
            names |= set(re.findall(r'getLogger\("([^"]+)"\)', source.read_text(encoding="utf-8")))
    assert {"httpx", "httpcore.http11"} <= names
    for name in names:
        assert any(isinstance(one, RedactingFilter) for one in logging.getLogger(name).filters), name


def test_cancelling_leaves_nothing_open() -> None:
    async def main() -> None:
        async with Server(silent).running() as server:
            carrier = carrier_for(server.url)
            calling = asyncio.create_task(carrier.start_call(REQUEST))
            while not server.requests:
                await asyncio.sleep(0.001)
            calling.cancel()
            with pytest.raises(asyncio.CancelledError):
                await calling
            await carrier.aclose()

    asyncio.run(main())


def test_a_grant_says_when_its_token_ends_if_the_token_says_so() -> None:
    async def main() -> None:
        app_id, channel = "a" * 32, "ft_call_9f8e7d6c5b4a3210"
        certificate = Secret("b" * 32)
        token = mint(app_id, certificate, channel, issued_s=1_795_000_000, salt=7, expire_s=600)
        for given, expires_at_s in ((token, 1_795_000_600.0), (TOKEN, None)):
            server = answering(http(200, GOOD.replace(TOKEN.encode(), given.encode())))
            async with server.running():
                carrier = carrier_for(server.url)
                assert (await carrier.start_call(REQUEST)).expires_at_s == expires_at_s
                await carrier.aclose()

    asyncio.run(main())


def test_a_line_id_holds_url_number_and_key_fingerprint_and_no_key() -> None:
    async def main() -> None:
        lines = {
            await SendblueCarrier(KeyAuth(key, secret), from_number=number, base_url=url).line_id()
            for key, secret, number, url in (
                (KEY, SECRET, FROM, "https://a.test"),
                (KEY, "another-secret", FROM, "https://a.test"),  # keys may be renewed: it is the same line
                ("another-key", SECRET, FROM, "https://a.test"),
                (KEY, SECRET, "+18885550198", "https://a.test"),
                (KEY, SECRET, FROM, "https://b.test"),
            )
        }
        assert len(lines) == 4
        assert not [line for line in lines if KEY in line or SECRET in line]

    asyncio.run(main())


def test_an_auth_without_a_key_id_has_lines_too() -> None:
    class Bearer(Auth):
        async def headers(self, host: str) -> Mapping[str, Secret]:
            return {"authorization": Secret("Bearer SENTINEL")}

    line = asyncio.run(SendblueCarrier(Bearer(), from_number=FROM, base_url="https://a.test").line_id())
    assert line == f"https://a.test  {FROM}"


def test_a_line_that_is_exported_and_not_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFHOOK_FROM_NUMBER", "+18885550199")
    carrier = SendblueCarrier(KeyAuth("key", "secret"), from_number="")
    with pytest.raises(ConfigError, match=r"OFFHOOK_FROM_NUMBER is set in this .* use Phone\.from_env\(\)"):
        asyncio.run(carrier.line_id())
