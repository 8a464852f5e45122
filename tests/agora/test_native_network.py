"""The mock's native library, through upstream's Python layer: a network that is lost, and servers that misbehave."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest
from tests.agora.native_program import Program
from tests.agora.native_room import CHANNEL, FAR_UID, Place, place
from tests.plugins.relay_kit import until

from offhook.session import LeaveReason, MemberLeft

if TYPE_CHECKING:
    from tests.agora.native_program import Sdk

Check = Callable[[Place], Awaitable[None]]


def in_a_room(sdk: Sdk, check: Check) -> None:
    async def main() -> None:
        async with place(sdk) as here:
            await check(here)

    asyncio.run(main())


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The door pings every 2 s: silence for longer than that is noticed soon."""
    monkeypatch.setenv("OFFHOOK_AGORA_INTERRUPTED_MS", "2500")
    monkeypatch.setenv("OFFHOOK_AGORA_LOST_MS", "300")


@pytest.mark.trap("1.5")
def test_a_cut_network_is_noticed_and_the_member_comes_back(sdk: Sdk) -> None:
    async def check(here: Place) -> None:
        member = here.join()
        program = here.program()
        uid = await program.joined(here.grant)
        program.push(b"\1" * 3200)
        await here.hears(3200)
        here.far.cut()
        await program.first("on_connection_lost")
        member.leave()
        here.far.room(CHANNEL).join_pcm(78, here.ear)
        program.push(b"\2" * 3200)
        here.far.mend()
        await program.first("on_reconnected")
        await program.until(lambda: ("on_user_joined", "78") in program.events, "the new member")
        program.push(b"\3" * 3200)
        await until(lambda: here.heard.endswith(b"\3" * 3200), "audio after the outage")
        connection = [event for event in program.events if event[0].startswith(("on_conn", "on_reconn", "on_user_l"))]
        assert connection == [
            ("on_connecting", (2, "0"), 0),
            ("on_connected", (3, str(uid)), 1),
            ("on_reconnecting", (4, str(uid)), 2),
            ("on_connection_lost", (4, str(uid))),
            ("on_reconnected", (3, str(uid)), 15),
            ("on_user_left", str(FAR_UID), 1),
        ]
        assert not [event for event in here.ear.events if isinstance(event, MemberLeft) and event.uid == uid]
        (first, *_, last) = [frame.position for _, frame in here.ear.audio]
        assert last - first > 16_000, "the outage counts in the positions"

    in_a_room(sdk, check)


@pytest.mark.trap("1.5")
def test_a_network_that_stays_away_is_given_up(sdk: Sdk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFHOOK_AGORA_GIVE_UP_MS", "500")

    async def check(here: Place) -> None:
        program = here.program()
        uid = await program.joined(here.grant)
        here.far.cut()
        assert await program.first("on_connection_failure") == ("on_connection_failure", (5, str(uid)), 4)
        assert [event[0] for event in program.events][-3:] == [
            "on_reconnecting",
            "on_connection_lost",
            "on_connection_failure",
        ]
        here.far.mend()

    in_a_room(sdk, check)


def test_a_call_that_ended_during_an_outage_is_over(sdk: Sdk) -> None:
    async def check(here: Place) -> None:
        program = here.program()
        await program.joined(here.grant)
        here.far.cut()
        await program.first("on_reconnecting")
        here.far.rooms.close(CHANNEL)
        here.far.mend()
        assert (await program.first("on_disconnected"))[2] == 3

    in_a_room(sdk, check)


def test_a_program_may_leave_during_an_outage(sdk: Sdk) -> None:
    async def check(here: Place) -> None:
        here.join()
        program = here.program()
        uid = await program.joined(here.grant)
        here.far.cut()
        await program.first("on_reconnecting")
        program.connection.disconnect()
        assert (await program.first("on_disconnected"))[2] == 5
        here.far.mend()
        await here.far.aclose()
        assert MemberLeft(uid, LeaveReason.QUIT) not in here.ear.events

    in_a_room(sdk, check)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "https://127.0.0.1:1",
            "http://example.org:1",
            "http://10.0.0.1:80",
            "http://127.0.0.1:0",
            "http://127.0.0.1:x",
        ),
        *(
            "http://127.0.0.1:65536",
            "http://127.0.0.1:1/path",
            "http://user@127.0.0.1:1",
            "http://127.0.0.1.evil:1",
            "",
        ),
        *("http://[::2]:1", "http://[::1", "http://127.0.0.1:", "http://0.0.0.0:1", "http://127.1:1", "127.0.0.1:80"),
    ],
)
def test_only_loopback_addresses_are_accepted(sdk: Sdk, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sdk.library.offhook_agora_set_endpoint(url.encode()) == -2
    monkeypatch.delenv("OFFHOOK_RELAY_URL", raising=False)
    monkeypatch.setenv("SENDBLUE_API_BASE_URL", url)

    async def main() -> None:
        service = sdk.started("a" * 32)
        program = Program(sdk, service)
        assert program.connection.connect("007token", CHANNEL, "0") == 0
        assert (await program.first("on_connection_failure"))[2] == 10
        await program.release()
        service.release()

    asyncio.run(main())


@pytest.mark.parametrize("url", ["http://127.0.0.1:80", "http://127.3.2.1:80/", "http://localhost", "http://[::1]:80"])
def test_loopback_addresses(sdk: Sdk, url: str) -> None:
    assert sdk.library.offhook_agora_set_endpoint(url.encode()) == 0
    assert sdk.library.offhook_agora_set_endpoint(None) == 0


def test_a_mock_that_does_not_answer_is_named(
    sdk: Sdk, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OFFHOOK_AGORA_GIVE_UP_MS", "1000")

    async def main() -> None:
        server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        sdk.library.offhook_agora_set_endpoint(address.encode())
        service = sdk.started("a" * 32)
        program = Program(sdk, service)
        assert program.connection.connect("007token", CHANNEL, "0") == 0
        assert (await program.first("on_connection_failure"))[2] == 4
        await program.release()
        service.release()
        sdk.library.offhook_agora_set_endpoint(None)
        server.close()
        said = f"no mock answers at {address}: is `offhook mock` running? It is tried again for 1 s"
        assert capfd.readouterr().err.count(said) == 1

    asyncio.run(main())


def frame(opcode: int, data: bytes, *, first: int = 0x80, mask: int = 0) -> bytes:
    size = len(data)
    length = bytes([mask | size]) if size < 126 else bytes([mask | 126]) + size.to_bytes(2, "big")
    return bytes([first | opcode]) + length + data


WELCOME = b'{"type":"welcome","uid":7,"rate_hz":16000,"place":"p","members":[{"uid":9,"published":true}]}'
NOT_HTTP = [
    b"\0" * 100,
    b"HTTP/1.1 200 OK\r\n\r\n",
    b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: bad\r\n\r\n",
    b"HTTP/1.1 101 x\r\nno colon\r\n\r\n",
    b"HTTP/1.1 101 x\r\n\nUpgrade: websocket\r\n\r\n",
    b"HTTP/1.1 101 x\n\n\r\n\r\n",
    b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
    b"x" * 20_000,
]
#: What a server sends once the WebSocket is open; each ends in a failure, or in another attempt.
HOSTILE = [
    frame(1, b"not json"),
    frame(1, b"[]"),
    frame(1, b'{"type":"welcome","uid":0,"rate_hz":16000,"place":"p","members":[]}'),
    frame(1, b'{"type":"welcome","uid":7,"rate_hz":44100,"place":"p","members":[]}'),
    frame(1, b'{"type":"welcome","uid":7,"rate_hz":16000,"place":"p","members":{}}'),
    frame(1, b'{"type":"welcome","uid":7,"rate_hz":16000,"place":"' + b"p" * 300 + b'","members":[]}'),
    frame(1, b'{"type":"welcome","type":"welcome"}'),
    frame(1, b'{"a":"\xff"}'),
    frame(1, b'{"a":"\\ud800"}'),
    frame(1, b'{"a":"\\u0000"}'),
    frame(1, b'{"a":' + b"[" * 100),
    frame(1, b'{"a":1e,"b":01}'),
    frame(1, b'{"a":"' + b"\\"),
    frame(1, b'{"type":"refused","code":"\\u0041\\n","message":"\\ud83d\\ude00"}'),
    frame(1, b'{"type":"refused"}'),
    frame(1, b'{"type":"kicked","reason":5}'),
    frame(1, WELCOME, mask=0x80),
    frame(1, WELCOME, first=0xC0),
    frame(3, WELCOME),
    frame(0, WELCOME),
    frame(9, b"x" * 126),
    frame(9, b"x", first=0),
    frame(1, b"a", first=0) + frame(1, b"b"),
    bytes([0x81, 127]) + (2**63).to_bytes(8, "big"),
    bytes([0x81, 127]) + (65_537).to_bytes(8, "big"),
    frame(1, b"x" * 60_000, first=0) + frame(0, b"x" * 60_000),
    frame(8, b"\x03"),
    frame(8, b"\x00\x00"),
    frame(8, b"\x03\xe8bye"),
    frame(1, WELCOME) + frame(1, b'{"type":"kicked","reason":"channel closed"}') + frame(1, WELCOME),
    frame(1, WELCOME) + frame(2, b"short") + frame(2, bytes(13)) + frame(2, bytes(12 + 2000)) + frame(8, b""),
    frame(1, WELCOME)
    + frame(1, b'{"type":"joined","uid":-1}')
    + frame(1, b'{"type":"left","uid":99999999999}')
    + b"\xff",
    frame(1, WELCOME) + frame(1, b'{"type":"renewed"}') + frame(1, b'{"type":"renewal_refused"}') + b"\xff",
    *[frame(1, WELCOME[:20], first=0) + frame(9, b"ping") + frame(0, WELCOME[20:]) + frame(8, b"\x03\xe9")],
]


@pytest.mark.parametrize("answer", NOT_HTTP, ids=range(len(NOT_HTTP)))
def test_what_is_not_the_door_is_a_failure(sdk: Sdk, answer: bytes) -> None:
    with_a_server(sdk, answer, None)


@pytest.mark.parametrize(
    ("piece", "data"),
    [
        pytest.param(piece, data, id=f"{piece}-{number}")
        for piece in (1, 100_000)
        for number, data in enumerate(HOSTILE)
        if piece > 1 or len(data) <= 10_000  # not too many pieces
    ],
)
def test_a_server_that_breaks_the_protocol_does_no_harm(
    sdk: Sdk, piece: int, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OFFHOOK_AGORA_GIVE_UP_MS", "300")
    with_a_server(sdk, None, [data[at : at + piece] for at in range(0, len(data), piece)])


def with_a_server(sdk: Sdk, answer: bytes | None, pieces: list[bytes] | None) -> None:
    """Join at a server that answers with these bytes, until that has failed or the program was put out."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            key = head.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
            accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
            writer.write(
                answer
                or b"HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nCONNECTION: keep-alive , Upgrade\r\n"
                b"Sec-WebSocket-Accept:"
                + accept
                + b"\r\n\r\n"
            )
            for piece in pieces or []:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            await reader.read()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def main() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        handles = sdk.handles()
        port = server.sockets[0].getsockname()[1]
        assert sdk.library.offhook_agora_set_endpoint(f"http://127.0.0.1:{port}".encode()) == 0
        service = sdk.started("a" * 32)
        program = Program(sdk, service)
        assert program.connection.connect("007token", CHANNEL, "0") == 0
        ends = ("on_connection_failure", "on_disconnected", "on_reconnecting")
        await program.until(lambda: bool(program.named(*ends)), "end")
        await program.release()
        service.release()
        sdk.library.offhook_agora_set_endpoint(None)
        server.close()
        assert sdk.handles() == handles

    asyncio.run(main())
