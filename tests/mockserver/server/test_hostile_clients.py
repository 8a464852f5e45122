"""What one client does must not delay, crash or fill the mock for the others: exact counts, over real sockets."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import resource
from typing import TYPE_CHECKING, Any

import pytest
from tests.mockserver.hostile import CLOSE, CONTINUATION, HANDSHAKE, PING, PONG, TEXT, HostileClient, frame

from offhook.plugin.manager import Plugins
from offhook_mockserver.doors.limits import MAX_PIECES
from offhook_mockserver.server import acceptor, limits, loop_server
from offhook_mockserver.server.http_connection import BoundedConnection
from offhook_mockserver.server.incidents import Incident
from offhook_mockserver.server.loop_server import LoopServer
from offhook_mockserver.server.socket_server import MockServer
from offhook_mockserver.server.turnstile import Turnstile
from offhook_mockserver.server.websocket_connection import RefusableWebSocket

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Awaitable, Callable

JSON = {"content-type": "application/json"}
CHUNKED = {**JSON, "transfer-encoding": "chunked"}
POST = "POST /facetime/start-call HTTP/1.1"


def with_mock(check: Callable[[MockServer], Awaitable[None]]) -> None:
    async def main() -> None:
        async with MockServer(plugins=Plugins()) as mock:
            await check(mock)

    asyncio.run(main())


def incidents(mock: MockServer) -> Counter[Incident]:
    assert mock._server is not None
    return mock._server.incidents.counts


def open_connections(mock: MockServer) -> int:
    assert mock._server is not None
    return len(mock._server.server_state.connections)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(50):
        while not condition():
            await asyncio.sleep(0)


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Nothing in this test may be logged as a warning, or reach the loop's exception handler, which logs too."""
    caplog.set_level(logging.WARNING)
    return caplog


# The pieces of one message


@pytest.mark.fault("F44")
def test_a_message_of_too_many_frames_is_refused_at_the_first_one_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    inherited = RefusableWebSocket.handle_cont

    def handle_cont(self: RefusableWebSocket, event: Any) -> None:
        inherited(self, event)
        taken.append(len(self.frames))

    monkeypatch.setattr(RefusableWebSocket, "handle_cont", handle_cont)

    async def check(mock: MockServer) -> None:
        async with HostileClient(mock.port) as client:
            assert await client.upgrade() == 101
            await client.flood(frame(TEXT, fin=False) + frame(CONTINUATION, fin=False) * 1000, 100)
            assert await client.close_code() == 1008
        assert max(taken) == MAX_PIECES, "with the first frame; those behind it are not kept"
        assert incidents(mock) == {Incident.TOO_MANY_PIECES: 1}
        await until(lambda: not open_connections(mock))

    with_mock(check)


@pytest.mark.fault("F44")
def test_pings_inside_a_message_count_as_its_pieces_and_those_between_messages_do_not() -> None:
    async def check(mock: MockServer) -> None:
        async with HostileClient(mock.port) as client:
            await client.upgrade()
            await client.send(frame(PING, b"a") * 200)
            for _ in range(200):
                assert await client.frame() == (PONG, b"a")
            await client.send(frame(TEXT, fin=False) + frame(PING) * 200)
            assert await client.close_code() == 1008
        assert incidents(mock) == {Incident.TOO_MANY_PIECES: 1}

    with_mock(check)


@pytest.mark.parametrize("pieces", [2, MAX_PIECES])
def test_a_message_of_as_many_frames_as_are_allowed_is_read(pieces: int) -> None:
    async def check(mock: MockServer) -> None:
        async with HostileClient(mock.port) as client:
            await client.upgrade()
            await client.send(frame(TEXT, b"{", fin=False) + frame(CONTINUATION, fin=False) * (pieces - 2))
            await client.send(frame(CONTINUATION, b"}"))
            answer = await client.message()
            assert isinstance(answer, dict)
            assert answer["code"] == "malformed", "it is refused for what it says"
        assert not incidents(mock)

    with_mock(check)


@pytest.mark.fault("F44")
@pytest.mark.parametrize(("chunks", "status"), [(limits.MAX_CHUNKS, 401), (limits.MAX_CHUNKS + 1, 413), (100_000, 413)])
def test_a_body_of_too_many_chunks_is_refused(chunks: int, status: int) -> None:
    async def check(mock: MockServer) -> None:
        async with HostileClient(mock.port) as client:
            await client.send(client.head(POST, CHUNKED))
            await client.flood(b"1\r\n \r\n" * min(chunks, 1000), max(1, chunks // 1000))
            await client.flood(b"0\r\n\r\n", 1)
            got, body = await client.answer()
            assert got == status
            assert json.loads(body)["status"] == "ERROR"
        assert incidents(mock)[Incident.TOO_MANY_PIECES] == (status == 413)

    with_mock(check)


@pytest.mark.fault("F44")
@pytest.mark.parametrize(
    ("rest", "status", "code"),
    [
        (b"1\r\n \r\n" * 300, 413, "too_large"),
        (b"xyz\r\n", 400, "malformed"),
        (b"0\r\n" + b"a: b\r\n" * 1_000, 431, "too_many_headers"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_in_the_shape_of_its_api(rest: bytes, status: int, code: str) -> None:
    async def check(mock: MockServer) -> None:
        async with HostileClient(mock.port) as client:
            authorization = {"authorization": f"Bearer {mock.control_token.reveal()}"}
            await client.send(client.head("POST /mock/v1/tenants HTTP/1.1", {**CHUNKED, **authorization}))
            await client.flood(rest, 1)
            got, body = await client.answer()
            assert (got, json.loads(body)["error"]["code"]) == (status, code)

    with_mock(check)


@pytest.mark.fault("F44")
def test_a_body_of_two_lengths_is_refused_and_what_follows_is_not_a_request() -> None:
    async def check(mock: MockServer) -> None:
        async with HostileClient(mock.port) as client:
            head = client.head(POST, {**CHUNKED, "content-length": "5"})
            await client.send(head + b"0\r\n\r\n" + client.head("GET /relay/pcm HTTP/1.1"))
            got, body = await client.answer()
            assert got == 400
            assert "not both" in json.loads(body)["message"]
            assert await client.rest() == b""

    with_mock(check)


@pytest.mark.fault("F44")
@pytest.mark.parametrize("trailer", [False, True])
@pytest.mark.parametrize("lines", [b"a:b\r\n" * 5000, b"a: " + b"b" * 40_000])
def test_endless_headers_and_trailers_are_refused(trailer: bool, lines: bytes) -> None:
    async def check(mock: MockServer) -> None:
        async with HostileClient(mock.port) as client:
            await client.send(client.head(POST, CHUNKED) + b"0\r\n" if trailer else b"GET / HTTP/1.1\r\n")
            await client.flood(lines, 10)
            assert (await client.answer())[0] == 431

    with_mock(check)


# The turns of the loop


@pytest.mark.safety("S18")
@pytest.mark.fault("F44")
@pytest.mark.parametrize(
    ("upgrade", "data"),
    [
        pytest.param(True, frame(PING) * 1000, id="pings"),
        pytest.param(True, frame(TEXT, b"{}") * 1000, id="texts"),
        pytest.param(True, frame(TEXT, fin=False) + frame(CONTINUATION, fin=False) * 1000, id="fragments"),
        pytest.param(False, b"GET /relay/pcm HTTP/1.1\r\nhost: x\r\n\r\n" * 200, id="requests"),
        pytest.param(False, b"a:b\r\n" * 1500, id="lines"),
    ],
)
def test_a_turn_of_the_loop_is_bounded_however_many_clients_flood(
    upgrade: bool, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients, reads = 20, [0]
    inherited = Turnstile.read

    def read(self: Turnstile, size: int) -> None:
        reads[-1] += size
        inherited(self, size)

    monkeypatch.setattr(Turnstile, "read", read)

    async def check(mock: MockServer) -> None:
        loop = asyncio.get_running_loop()
        counting = True

        def next_turn() -> None:
            if counting:
                reads.append(0)
                loop.call_soon(next_turn)

        next_turn()

        async def attack() -> None:
            async with HostileClient(mock.port) as client:
                if upgrade:
                    await client.upgrade()
                await client.flood(data, 200)
                await client.rest()

        attacks = [asyncio.create_task(attack()) for _ in range(clients)]
        await until(lambda: max(reads) >= limits.BYTES_PER_TURN)
        for _ in range(5):
            before = len(reads)
            async with HostileClient(mock.port) as other:
                await other.send(other.head("GET /nowhere HTTP/1.1"))
                assert (await other.answer())[0] == 501
            assert len(reads) - before < 60, "another client waits for few of these turns"
        counting = False
        assert max(reads) <= limits.BYTES_PER_TURN + (clients + 1) * limits.MIN_READ_BYTES
        for task in attacks:
            task.cancel()
        await asyncio.gather(*attacks, return_exceptions=True)

    with_mock(check)


# What is owed to a client


@pytest.mark.fault("F45")
def test_of_the_pongs_for_a_client_that_does_not_read_only_the_last_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    owed: list[int] = []
    sockets: list[RefusableWebSocket] = []
    inherited = RefusableWebSocket.handle_ping

    def handle_ping(self: RefusableWebSocket) -> None:
        inherited(self)
        sockets[:] = [self]
        owed.append(self.transport.get_write_buffer_size())

    monkeypatch.setattr(RefusableWebSocket, "handle_ping", handle_ping)

    async def check(mock: MockServer) -> None:
        async with HostileClient(mock.port, receive_buffer=4096) as client:
            await client.upgrade()
            while not sockets or sockets[0].writable.is_set():
                await client.send(frame(PING, b"x" * 125) * 100)
            for _ in range(100):
                await client.send(frame(PING, b"x" * 125) * 100)
            await client.send(frame(PING, b"last"))
            while (pong := await client.frame()) != (PONG, b"last"):
                assert pong in {(PONG, b"x" * 125), (PING, b"")}

    with_mock(check)
    high_water = 64 * 1024
    assert high_water < max(owed) <= high_water + limits.READ_BYTES


@pytest.mark.fault("F45")
def test_a_websocket_whose_client_does_not_read_is_cut(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(RefusableWebSocket, "write_timeout_s", 0.05)

    async def check(mock: MockServer) -> None:
        async with HostileClient(mock.port, receive_buffer=4096) as client:
            await client.upgrade()
            assert not await client.flood(frame(PING, b"x" * 125) * 100, 100_000)
        assert incidents(mock) == {Incident.UNREAD: 1}
        await until(lambda: not open_connections(mock))

    with_mock(check)
    assert [record.getMessage() for record in caplog.records] == [Incident.UNREAD.value]


def test_a_client_that_closes_as_its_connection_is_looked_at_is_not_accused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both come in one turn of the loop when the mock has stood still."""
    looked: list[bool] = []

    def eof_received(self: BoundedConnection) -> None:
        self.transport.close()
        looked.append(self.transport.is_closing())
        self._look(0)

    monkeypatch.setattr(BoundedConnection, "eof_received", eof_received)

    async def check(mock: MockServer) -> None:
        async with HostileClient(mock.port):
            await until(lambda: open_connections(mock) == 1)
        await until(lambda: not open_connections(mock))
        assert not incidents(mock)

    with_mock(check)
    assert looked == [True]


@pytest.mark.safety("S18")
@pytest.mark.fault("F45")
@pytest.mark.parametrize("ends", [True, False])
def test_an_http_connection_whose_answer_is_not_read_is_cut(ends: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that the mock has closed already: asyncio would wait for ever for the rest to be read."""
    monkeypatch.setattr(BoundedConnection, "write_timeout_s", 60.0 if ends else 0.05)
    monkeypatch.setattr(BoundedConnection, "header_timeout_s", 0.05)

    async def large(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"connection", b"close")]})
        await send({"type": "http.response.body", "body": bytes(8_000_000), "more_body": not ends})
        if not ends:
            await send({"type": "http.response.body", "body": bytes(8_000_000)})

    async def check(mock: MockServer) -> None:
        mock.app = large
        await mock.aclose()
        await mock.start()
        async with HostileClient(mock.port, receive_buffer=4096) as client:
            await client.send(client.head())
            await until(lambda: incidents(mock) == {Incident.UNREAD: 1} and not open_connections(mock))

    with_mock(check)


@pytest.mark.fault("F45")
def test_a_client_that_pipelines_gets_a_limited_number_of_answers() -> None:
    async def check(mock: MockServer) -> None:
        async with HostileClient(mock.port) as client:
            await client.send(client.head("GET /nowhere HTTP/1.1") * 100)
            answers = await client.rest()
            assert answers.count(b"HTTP/1.1 501") == 1 + limits.MAX_PIPELINED
        assert incidents(mock) == {Incident.PIPELINED: 1}
        async with HostileClient(mock.port) as client:
            for _ in range(3 * limits.MAX_PIPELINED):  # one after the other, as many as it likes
                await client.send(client.head("GET /nowhere HTTP/1.1"))
                assert (await client.answer())[0] == 501

    with_mock(check)


# Connections


def test_more_connections_than_allowed_are_answered_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    async def main() -> None:
        server = LoopServer(app, most_connections=3)
        await server.start()
        try:
            async with HostileClient(server.port), HostileClient(server.port), HostileClient(server.port) as third:
                for _ in range(5):
                    async with HostileClient(server.port) as client:
                        assert (await client.answer())[0] == 503
                assert server.incidents.counts == {Incident.TURNED_AWAY: 5}
                third.reset()
                await until(lambda: len(server.server_state.connections) == 2)
                async with HostileClient(server.port) as client:
                    await client.send(client.head())
                    assert (await client.answer())[0] == 204
        finally:
            await server.stop()

    asyncio.run(main())
    assert [record.getMessage() for record in caplog.records] == [Incident.TURNED_AWAY.value]


def test_when_descriptors_run_out_accepting_pauses_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(acceptor, "ACCEPT_PAUSE_S", 0.02)

    async def check(mock: MockServer) -> None:
        clients = [HostileClient(mock.port) for _ in range(20)]
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        free = os.dup(0)
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
        try:
            for client in clients:
                await client.__aenter__()
            await until(lambda: incidents(mock)[Incident.NO_DESCRIPTORS] == 3)
            assert incidents(mock) == {Incident.NO_DESCRIPTORS: 3}, "once for each pause"
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for client in clients:
            await client.send(client.head("GET /nowhere HTTP/1.1"))
            assert (await client.answer())[0] == 501
            await client.__aexit__(None, None, None)

    with_mock(check)
    assert [record.getMessage() for record in caplog.records] == [Incident.NO_DESCRIPTORS.value]


def test_the_limit_of_connections_leaves_files_for_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    for files, most in ((64, 32), (256, 128), (1024, 896), (100_000, 1024), (resource.RLIM_INFINITY, 1024)):
        monkeypatch.setattr(resource, "getrlimit", lambda kind, files=files: (files, files))
        assert acceptor.most_connections() == most


def test_the_server_stops_at_once_and_silently_while_a_body_stalls(
    quiet: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop_server, "_STOP_S", 1000.0)  # it would run into pytest's time limit

    async def check(mock: MockServer) -> None:
        async with HostileClient(mock.port) as client:
            await client.send(client.head(POST, {**JSON, "content-length": "100"}) + b"{")
            await until(lambda: open_connections(mock) == 1)
            await mock.aclose()
            assert await client.rest() == b""

    with_mock(check)
    assert not quiet.records


# Nothing that a client sends is a traceback, an error 500 or a silence


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (f"GET /relay/pcm?{'a' * 9000} HTTP/1.1", 414),
        (f"GET /relay/pcm HTTP/1.1\r\nx: {'a' * 9000}", 431),
        (f"GET /relay/pcm HTTP/1.1\r\nx: {'a' * 20_000}", 431),
        ("GET /relay/pcm HTTP/1.1" + "".join(f"\r\nx-{index}: y" for index in range(60)), 431),
        ("POST /relay/pcm HTTP/1.1", 405),
        ("GET /relay/pcm HTTP/1.1\r\ncontent-length: 5", 400),
        ("GET /relay/pcm HTTP/1.1\r\ntransfer-encoding: chunked", 400),
        ("GET /relay/nowhere HTTP/1.1", 403),
    ],
)
def test_a_handshake_that_cannot_be_read_gets_an_answer(
    line: str, status: int, quiet: pytest.LogCaptureFixture
) -> None:
    async def check(mock: MockServer) -> None:
        async with HostileClient(mock.port) as client:
            await client.send(client.head(line, HANDSHAKE))
            # Older versions of the WebSocket library take a POST for a request that cannot be read.
            assert (await client.answer())[0] in ({405, 400} if status == 405 else {status})

    with_mock(check)
    assert not quiet.records


BODIES = {
    "a lone surrogate as a name": b'{"\\ud800": 1}',
    "the same twice": b'{"\\ud800": 1, "\\ud800": 1}',
    "lone surrogates as values": b'{"phoneNumber": "\\ud800", "fromNumber": "\\udfff"}',
    "surrogates in bytes": b'{"a": "\xed\xa0\x80"}',
    "not UTF-8": b"\xff",
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "a name twice": b'{"a": 1, "a": 1}',
    "NaN": b'{"phoneNumber": NaN}',
    "an infinite number": b'{"phoneNumber": 1e999}',
    "a number of 60,000 digits": b'{"phoneNumber": ' + b"9" * 60_000 + b"}",
    "a list 60,000 deep": b"[" * 60_000,
    "an object 12,000 deep": b'{"a":' * 12_000,
    "true for a number": b'{"phoneNumber": true, "uid": true}',
    "a null byte": b'{"phoneNumber": "\\u0000"}',
    "nothing": b"",
}


@pytest.mark.fault("F44")
@pytest.mark.parametrize("path", ["/facetime/start-call", "/relay/join"])
@pytest.mark.parametrize("body", BODIES.values(), ids=list(BODIES))
def test_no_body_makes_the_mock_fail(path: str, body: bytes, quiet: pytest.LogCaptureFixture) -> None:
    async def check(mock: MockServer) -> None:
        keys = {
            "sb-api-key-id": mock.tenant.api_key.reveal(),
            "sb-api-secret-key": mock.tenant.api_secret.reveal(),
        }
        async with HostileClient(mock.port) as client:
            head = client.head(f"POST {path} HTTP/1.1", {**JSON, **keys, "content-length": str(len(body))})
            await client.send(head + body)
            status, answer = await client.answer()
            assert status == 400
            assert isinstance(json.loads(answer), dict)
            assert b"set_int_max_str_digits" not in answer

    with_mock(check)
    assert not quiet.records


def test_a_join_with_a_field_that_is_named_by_a_lone_surrogate_is_refused(quiet: pytest.LogCaptureFixture) -> None:
    peer = {
        "ice": {"ufrag": "u", "pwd": "p", "candidates": []},
        "dtls": {"fingerprints": [{"algorithm": "sha-256", "value": "AA"}]},
    }
    join = {"appId": "a", "channel": "c", "token": "t", "uid": 0, "ssrc": 1, "rejoin": False, **peer, "\ud800": 1}

    async def check(mock: MockServer) -> None:
        body = json.dumps(join).encode()
        async with HostileClient(mock.port) as client:
            head = client.head("POST /relay/join HTTP/1.1", {**JSON, "content-length": str(len(body))})
            await client.send(head + body)
            status, answer = await client.answer()
        assert (status, json.loads(answer)["error"]["code"]) == (400, "malformed")

    with_mock(check)
    assert not quiet.records


FRAMES = {
    "a text that is not UTF-8": (frame(TEXT, b"\xff"), 1007),
    "one whose end is not": (frame(TEXT, b"\xe2", fin=False) + frame(CONTINUATION, b"\x82"), 1007),
    "a reason that is not UTF-8": (frame(CLOSE, b"\x03\xe8\xff"), 1007),
    "a close frame of one byte": (frame(CLOSE, b"\x03"), 1002),
    "a close code that is none": (frame(CLOSE, b"\x00\x01"), 1002),
    "an opcode that is none": (frame(3), 1002),
    "a reserved bit": (bytes([0xF1, 0x80]) + bytes(4), 1002),
    "no mask": (b"\x81\x01x", 1002),
    "a ping in two frames": (frame(PING, fin=False), 1002),
    "a long ping": (frame(PING, bytes(126)), 1002),
    "a continuation of nothing": (frame(CONTINUATION), 1002),
    "a message inside a message": (frame(TEXT, fin=False) + frame(TEXT), 1002),
    "a length of 2**64 - 1": (bytes([0x82, 0xFF]) + b"\xff" * 8 + bytes(4), 1009),
}


@pytest.mark.parametrize("data", FRAMES.values(), ids=list(FRAMES))
def test_no_frame_makes_the_mock_fail(data: tuple[bytes, int], quiet: pytest.LogCaptureFixture) -> None:
    frames, code = data

    async def check(mock: MockServer) -> None:
        async with HostileClient(mock.port) as client:
            await client.upgrade()
            await client.send(frames)
            assert await client.close_code() == code
        async with HostileClient(mock.port) as client:  # byte by byte
            await client.upgrade()
            assert await client.flood(frames[:20], 1)
        for size in range(1, len(frames) + 1):  # reset in the middle
            async with HostileClient(mock.port) as client:
                await client.upgrade()
                await client.send(frames[:size])
                client.reset()
        await until(lambda: not open_connections(mock))
        assert not incidents(mock)

    with_mock(check)
    assert not quiet.records


@pytest.mark.parametrize("upgrade", [True, False])
def test_a_reset_or_an_end_at_any_point_of_a_request_is_silent(upgrade: bool, quiet: pytest.LogCaptureFixture) -> None:
    async def check(mock: MockServer) -> None:
        probe = HostileClient(mock.port)
        post = probe.head(POST, {**JSON, "content-length": "100"}) + b"{"
        data = probe.head("GET /relay/pcm HTTP/1.1", HANDSHAKE) if upgrade else post
        probe.reset()
        for size in range(0, len(data) + 1, 7):
            async with HostileClient(mock.port) as client:
                await client.send(data[:size])
                client.reset()
            async with HostileClient(mock.port) as client:
                await client.send(data[:size])
                client.end()
        await until(lambda: not open_connections(mock))
        assert not incidents(mock)

    with_mock(check)
    assert not quiet.records


METHODS = ("GET", "HEAD", "POST", "PUT", "OPTIONS", "TRACE", "CONNECT", "PATCH", "get", "X-Y")
TARGETS = (
    "/relay",
    "/relay/pcm",
    "/relay/join",
    "/facetime/start-call",
    "/%ff%fe%00?%ff",
    "*",
    "http://x/y",
    "/%",
    "//",
)


@pytest.mark.parametrize("method", METHODS)
def test_no_method_and_target_makes_the_mock_fail(method: str, quiet: pytest.LogCaptureFixture) -> None:
    async def check(mock: MockServer) -> None:
        for target in TARGETS:
            for version in ("1.1", "1.0", "2.0"):
                async with HostileClient(mock.port) as client:
                    length = {} if method in {"GET", "HEAD"} else {"content-length": "2"}
                    headers = {**JSON, **length, "connection": "close", "x": "\xff\xe9"}
                    await client.send(
                        client.head(f"{method} {target} HTTP/{version}", headers) + b"{}"[: 2 * len(length)]
                    )
                    answer = await client.rest()
                    assert answer[:9] == b"HTTP/1.1 "
                    assert answer[9:12] != b"500"

    with_mock(check)
    assert not quiet.records


def test_only_the_beginning_of_a_path_is_compared_with_the_known_ones() -> None:
    async def check(mock: MockServer) -> None:
        async with HostileClient(mock.port) as client:
            await client.send(
                client.head(f"POST /facetime/start-cal{'l' * 15_000} HTTP/1.1", {**JSON, "content-length": "0"})
            )
            status, body = await client.answer()
        assert status == 501
        assert "the nearest documented route is POST /facetime/start-call" in json.loads(body)["message"]

    with_mock(check)
