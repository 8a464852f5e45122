"""Every parser of what others wrote: its samples, and what must hold for any input.

A target is called with an input, and raises for a fault: anything but the parser's own typed errors, or a difference
after the way back where there is a writer.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
import os
import struct
import tempfile
import wave
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import soundfile
from tests.fuzz import shared_port
from tests.wire.test_jitter import FakeLoop
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from offhook.errors import CarrierError, OffhookError, SourceError, StorageError
from offhook.interfaces import AudioFrame, Ids, LeaveReason
from offhook.records import load_json, to_json
from offhook.records.replayed import replay
from offhook.secret import Secret
from offhook_audio.wav import WavSource
from offhook_jsonl.archive import JsonLinesArchive
from offhook_sendblue.answer import grant_of, retry_after_s
from offhook_sendblue.exchange import HttpAnswer
from offhook_sqlite.archive import Reading
from offhook_wire import access_token, pcm_protocol, relay_protocol, rtcp, rtp
from offhook_wire.aiortc_private.connection import LoopbackConnection, OwnProtocol
from offhook_wire.media_counts import MediaCounts
from offhook_wire.opus import OpusEncoder
from offhook_wire.opus_packet import duration_ticks
from offhook_wire.pace import MOST_AHEAD_S
from offhook_wire.reception import Reception
from offhook_wire.rtp_out import OutStream
from offhook_wire.strict_json import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from offhook_wire.message import Message

DATA = Path(__file__).parents[1] / "core/records/data"
CERTIFICATE = Secret("c" * 32)
APP_ID = "a1b2c3d4e5f6789012345678abcdef90"


@dataclass(frozen=True)
class Target:
    """One parser.

    Attributes:
        corpus: well-formed samples.
        run: parses an input and checks what must hold; raises for a fault.
        text: whether the samples are JSON.
        unwrap: returns what is inside a sample's envelope.
        wrap: the reverse.
    """

    corpus: Sequence[bytes]
    run: Callable[[bytes], None]
    text: bool = False
    unwrap: Callable[[bytes], bytes] | None = None
    wrap: Callable[[bytes], bytes] | None = None


class Fault(AssertionError):
    """What a parser did is not what it promises."""


def same(one: object, other: object) -> None:
    """Fail unless both are equal."""
    if one != other:
        raise Fault(f"{one!r} came back as {other!r}")


def token() -> str:
    """A token of ours."""
    return access_token.mint(APP_ID, CERTIFICATE, "ft_call_1", 7, issued_s=1_795_000_000, salt=1)


# Messages

PEER = relay_protocol.PeerParameters(
    relay_protocol.Ice(
        "ufrag", "password", (relay_protocol.Candidate("127.0.0.1", 9), relay_protocol.Candidate("::1", 9))
    ),
    relay_protocol.Dtls((relay_protocol.Fingerprint("sha-256", "AA:BB"),)),
)
RELAY_WHOLE: tuple[Message, ...] = (
    relay_protocol.Health(),
    relay_protocol.JoinRequest(APP_ID, "ft_call_1", Secret("007token"), 7, 99, PEER, rejoin=True),
    relay_protocol.JoinAnswer("sid", 7, 111, (relay_protocol.MemberInfo(8, 5, published=True),), PEER),
    relay_protocol.RefusalAnswer(relay_protocol.Refusal("token_rejected", "it is expired", reason=9)),
)
RELAY_EVENTS: tuple[Message, ...] = (
    relay_protocol.Joined(7, 99),
    relay_protocol.Published(7),
    relay_protocol.Left(7, LeaveReason.QUIT),
    relay_protocol.Kicked("replaced"),
    relay_protocol.TokenExpiring(30),
    relay_protocol.Renewed(),
    relay_protocol.RenewalRefused(9, "expired"),
    relay_protocol.Leave(),
    relay_protocol.Renew(Secret("007token")),
)
PCM: tuple[Message, ...] = (
    pcm_protocol.Join(APP_ID, "ft_call_1", Secret("007token"), 7, "place"),
    pcm_protocol.Welcome(7, 16_000, "place", (pcm_protocol.Present(8, published=False),)),
    pcm_protocol.Joined(7),
    pcm_protocol.Unpublish(),
    pcm_protocol.Misuse("name", "detail"),
    relay_protocol.Refusal("busy", "try again"),
)


def _parsers(*parsers: Callable[[bytes], Message]) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        for parse in parsers:
            try:
                message = parse(data)
            except ProtocolError as error:
                if not f"{error}".isprintable():
                    raise Fault(f"{error!r} can write to a terminal") from None
                continue
            text = message.to_text()  # messages with secrets are equal to no other
            same(text, parse(text.encode()).to_text())

    return run


def _pcm(data: bytes) -> None:
    _parsers(pcm_protocol.Join.parse, pcm_protocol.parse_event, pcm_protocol.parse_client_message)(data)
    with contextlib.suppress(ProtocolError):
        audio = pcm_protocol.Audio.parse(data)
        same(audio.to_bytes(), data)


# Media


def _rtp(data: bytes) -> None:
    try:
        packet = rtp.parse(data)
    except rtp.MalformedPacket:
        return
    same(rtp.parse(packet.encode()), packet)
    if len(packet.payload) > len(data) - 12:
        raise Fault("a payload is longer than its packet")


def _rtcp(data: bytes) -> None:
    try:
        packets = rtcp.parse(data)
    except rtp.MalformedPacket:
        return
    same(rtcp.parse(b"".join(packet.encode() for packet in packets)), packets)


def _stun() -> Callable[[bytes], None]:
    class Transport:
        """A socket that takes everything."""

        def is_closing(self) -> bool:
            return False

        def get_write_buffer_size(self) -> int:
            return 0

        def sendto(self, data: bytes, addr: object) -> None:
            """Send nothing."""

    from aioice.candidate import Candidate

    media: list[bytes] = []
    connection = LoopbackConnection(controlling=False, on_media=media.append, counts=MediaCounts())
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    protocol: Any = OwnProtocol(connection)  # makes a future
    asyncio.set_event_loop(None)
    loop.close()
    protocol.transport = Transport()
    protocol.local_candidate = Candidate("1", 1, "udp", 1, "127.0.0.1", 9, "host")
    connection._remote_candidates.append(Candidate("1", 1, "udp", 1, "127.0.0.1", 10, "host"))

    def run(data: bytes) -> None:
        media.clear()
        for port in (10, 11):
            protocol.datagram_received(data, ("127.0.0.1", port))
        while not connection._queue.empty():
            connection._queue.get_nowait()
        if len(connection._early_checks) > 64 or len(media) > 1:
            raise Fault("what a stranger sends is kept")

    return run


def _reception(data: bytes) -> None:
    """Packets of one talker: for each, six bytes of numbers, the length of its payload and a time, then the payload."""
    loop, heard = FakeLoop(), list[AudioFrame]()
    reception = Reception(heard.append, 16_000, loop, counts=MediaCounts())
    at = 0
    while at + 8 <= len(data):
        sequence, timestamp, length, passed = struct.unpack_from("!HLBB", data, at)
        payload = data[at + 8 : at + 8 + length]
        at += 8 + length
        loop.advance(loop.now_s + passed / 100)
        duration_ticks(payload)
        reception.add(rtp.RtpPacket(111, False, sequence, timestamp, 1, payload))
    reception.flush()
    reception.close()
    end = 0
    for frame in heard:
        if frame.position < end or frame.duration_ms > 20 or frame.position > (loop.now_s + MOST_AHEAD_S + 1) * 16_000:
            raise Fault(f"{frame} after sample {end}, at {loop.now_s} s")
        end = frame.position + frame.samples


def _talk() -> Iterator[bytes]:
    encoder = OpusEncoder(16_000)
    for timestamps, numbers in ((960, 1), (48_000, 1), (960, 2), (0, 0), (2**31, 30_000)):
        yield b"".join(
            struct.pack("!HLBB", index * numbers & 0xFFFF, index * timestamps & 0xFFFF_FFFF, len(payload), 2) + payload
            for index in range(8)
            for payload in (encoder.encode(bytes(640)),)
        )
    yield b"".join(struct.pack("!HLBB", index, index * 5760, 40, 12) + b"\x7b\x06" + bytes(38) for index in range(6))


# WebSocket frames

MESSAGES = (relay_protocol.parse_client_message, pcm_protocol.parse_client_message, pcm_protocol.Audio.parse)


def _websocket(data: bytes) -> None:
    protocol = ServerProtocol(state=OPEN, max_size=relay_protocol.MAX_MESSAGE_BYTES)
    message = bytearray()
    half = len(data) // 2
    for piece in (data[:half], data[half:]):
        if protocol.parser_exc is None:
            protocol.receive_data(piece)
    for frame in protocol.events_received():
        assert isinstance(frame, Frame)
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            message += frame.data
            if frame.fin:
                taken, message = bytes(message), bytearray()
                for parse in MESSAGES:
                    with contextlib.suppress(ProtocolError):
                        parse(taken)
    if sum(map(len, protocol.data_to_send())) > 2 * len(data) + 200:
        raise Fault("it answers with more than it was sent")


def _frames() -> Iterator[bytes]:
    texts = [message.to_text().encode() for message in (*RELAY_EVENTS[-2:], *PCM[:1])]
    audio = pcm_protocol.Audio(0, 320, bytes(640)).to_bytes()
    for opcode, data in ((Opcode.TEXT, texts[0]), (Opcode.TEXT, texts[1]), (Opcode.BINARY, audio), (Opcode.PING, b"p")):
        yield Frame(opcode, data).serialize(mask=True)
    yield b"".join(
        frame.serialize(mask=True)
        for frame in (
            Frame(Opcode.TEXT, texts[2][:9], fin=False),
            Frame(Opcode.PONG, b""),
            Frame(Opcode.CONT, b"", fin=False),
            Frame(Opcode.CONT, texts[2][9:]),
            Frame(Opcode.CLOSE, b"\x03\xe8bye"),
        )
    )


# Tokens


def _token(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    try:
        parsed = access_token.parse(text)
    except access_token.TokenInvalid:
        return
    try:
        again = access_token.mint(
            parsed.app_id,
            CERTIFICATE,
            parsed.channel,
            int(parsed.uid or "0"),
            issued_s=parsed.issued_s,
            salt=parsed.salt,
            expire_s=parsed.expire_s,
            privileges=parsed.privileges,
        )
    except ValueError:  # a token that we would not make
        return
    back = access_token.parse(again)
    for name in ("app_id", "channel", "issued_s", "salt", "expire_s"):
        same(getattr(parsed, name), getattr(back, name))
    same(set(parsed.privileges), set(back.privileges))


def _unwrap_token(data: bytes) -> bytes:
    return zlib.decompress(base64.b64decode(data[3:]))


def _wrap_token(data: bytes) -> bytes:
    return b"007" + base64.b64encode(zlib.compress(data, 1))


# Files


WAVES = (("WAV", "FLOAT"), ("RF64", "PCM_16"), ("WAVEX", "PCM_24"), ("WAV", "ULAW"))


def _wav() -> Callable[[bytes], None]:
    fd, path = tempfile.mkstemp(".wav", "offhook-fuzz-", "/dev/shm" if Path("/dev/shm").is_dir() else None)

    def run(data: bytes) -> None:
        os.ftruncate(fd, 0)
        os.pwrite(fd, data, 0)
        try:
            source = WavSource(path)
        except SourceError:
            return
        end = 0
        try:
            # More audio than a file of this size can hold, in any format that is compressed by less than a thousand.
            for _ in range(100_000):
                frame = now(source.read())
                if frame is None:
                    return
                if frame.position != end or not frame.samples:
                    raise Fault(f"{frame} after sample {end}")
                end += frame.samples
        except SourceError:
            return
        finally:
            now(source.aclose())
        raise Fault(f"a file of {len(data)} bytes has more than {end} samples")

    return run


def now(coroutine: Any) -> Any:
    """The result of a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise Fault("it waits")


def _waves() -> Iterator[bytes]:
    for channels, width, rate_hz in ((1, 2, 16_000), (2, 2, 44_100), (1, 1, 8000), (1, 3, 48_000)):
        file = io.BytesIO()
        with wave.open(file, "wb") as writer:
            writer.setparams((channels, width, rate_hz, 0, "NONE", ""))
            writer.writeframes(bytes(range(1, 181)) * channels * width)
        yield file.getvalue()
    samples = [[0.1 * (number % 7)] for number in range(300)]
    for kind, subtype in (*WAVES, ("AIFF", "PCM_16")):
        file = io.BytesIO()
        soundfile.write(file, samples, 16_000, subtype=subtype, format=kind)
        yield file.getvalue()
    whole = next(_waves_first())
    yield whole[:36] + b"LIST" + struct.pack("<I", 6) + b"INFOxy" + whole[36:]
    yield whole[:40] + b"\xff\xff\xff\xff" + whole[44:]
    yield whole[:40] + b"\0\0\0\0" + whole[44:]


def _waves_first() -> Iterator[bytes]:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, 16_000, 0, "NONE", ""))
        writer.writeframes(bytes(640))
    yield file.getvalue()


# Journals and records


def _judge(entries: Sequence[Any]) -> None:
    with contextlib.suppress(OffhookError):
        replay(entries)
    for entry in entries:
        once = to_json(entry)
        back = load_json(once)
        if back is None:
            raise Fault("what was read cannot be read when it is written again")
        same(to_json(back), once)


def _jsonl() -> Callable[[bytes], None]:
    folder = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None, prefix="offhook-fuzz-"))
    archive = JsonLinesArchive(str(folder))
    journal, record = folder / "journal.jsonl", folder / "record.json"

    def run(data: bytes) -> None:
        # The same bytes as a journal and as a record: each is a document, or a line of one.
        journal.write_bytes(data)
        record.write_bytes(data.partition(b"\n")[0])
        try:
            for found in archive.records():
                _judge([found])
            _judge(archive.journal("call_1"))
        except StorageError:
            return

    return run


def _sqlite() -> Callable[[bytes], None]:
    import sqlite3

    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(
        "CREATE TABLE calls (number INTEGER PRIMARY KEY, call_id TEXT, owner TEXT, unfinished INT, record TEXT);"
        "CREATE TABLE journal (call_id TEXT, seq INT, entry TEXT);"
        "INSERT INTO calls VALUES (1, 'call_1', 'gone', 0, ''); INSERT INTO journal VALUES ('call_1', 0, '')"
    )
    reading = Reading(connection, Path("/nonexistent"))

    def run(data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        connection.execute("UPDATE calls SET record = ?", (text.partition("\n")[0],))
        connection.execute("DELETE FROM journal")
        rows = [("call_1", seq, line) for seq, line in enumerate(text.split("\n"))]
        connection.executemany("INSERT INTO journal VALUES (?, ?, ?)", rows)
        _judge(reading.records())
        _judge(reading.journal("call_1"))

    return run


def _journals() -> Iterator[bytes]:
    for path in sorted(DATA.glob("*/*.json*")):
        text = path.read_bytes()
        entries = [json.loads(text)] if path.suffix == ".json" else [json.loads(line) for line in text.splitlines()]
        for entry in entries:
            entry["call_id"] = "call_1"
        yield b"\n".join(json.dumps(entry).encode() for entry in entries[:6])
        yield json.dumps(entries[-1]).encode()


# Sendblue's answers


def _sendblue(data: bytes) -> None:
    """A byte that chooses the status, a line for two headers, and the body."""
    status = (200, 200, 200, 201, 302, 400, 401, 404, 408, 429, 500, 503)[data[0] % 12] if data else 200
    line, _, body = data[1:].partition(b"\n")
    value = line.decode("latin-1")
    headers = {"retry-after": value} if status != 201 else {"content-encoding": value}
    try:
        grant = grant_of(HttpAnswer(status, headers, body), endpoint=None, now_s=1_795_000_000.0)
    except CarrierError as error:
        if len(error.message) > 1500 or not error.message.isprintable():
            raise Fault(f"a message of {len(error.message)} characters: {error.message[:100]!r}") from None
    else:
        secret = grant.token.reveal()
        if len(secret) > 16 and secret not in (grant.channel, grant.app_id) and secret in f"{grant!r}":
            raise Fault("a grant shows its token")
    wait_s = retry_after_s(value, 1_795_000_000.0)
    if wait_s is not None and not 0 <= wait_s <= 3600:
        raise Fault(f"a wait of {wait_s} s")


def _answers() -> Iterator[bytes]:
    agora = {"appId": APP_ID, "channelName": "ft_call_1", "token": token(), "uid": 0}
    good = json.dumps({"status": "OK", "message": "Call started", "agora": agora}).encode()
    yield b"\x00identity\n" + good
    yield b"\x03gzip\n" + good
    yield b"\x0930\n" + json.dumps({"status": "ERROR", "error": {"message": "slow down"}}).encode()
    yield b"\x09Wed, 21 Oct 2026 07:28:00 GMT\n<html>busy</html>"
    yield b"\x05\n" + json.dumps({"status": "ERROR", "error_message": "from_number +14155550123 is not yours"}).encode()


def _body(data: bytes) -> bytes:
    return data.partition(b"\n")[2]


def _texts(messages: Sequence[Message]) -> list[bytes]:
    return [message.to_text().encode() for message in messages]


def _rtp_packets() -> list[bytes]:
    packet = rtp.RtpPacket(111, True, 7, 960, 99, b"opus").encode()
    extended = b"\x91" + packet[1:12] + struct.pack("!LHHL", 5, 0xBEDE, 1, 0x10000000) + b"opus"
    return [packet, extended, b"\xb0" + packet[1:12] + struct.pack("!HH", 0xBEDE, 0) + b"opus\0\0\3", packet[:12]]


def _reports() -> list[bytes]:
    out, block = OutStream(Ids(1)), rtcp.ReportBlock(5, 3, -4, 70_000, 9, 1, 2)
    first = out.report(0.0, 0.0, [block])
    out.packet(b"opus", 0, 0.0)
    return [first, out.report(1.0, 1.0, [block] * 3), out.bye(), rtcp.Bye(tuple(range(31))).encode()]


def _checks() -> list[bytes]:
    from aioice import stun

    found = []
    for attributes in ({}, {"USERNAME": "a:b", "PRIORITY": 1, "ICE-CONTROLLING": 5, "USE-CANDIDATE": None}):
        message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST, bytes(12))
        message.attributes = dict(attributes)
        found.append(bytes(message))
        message.add_message_integrity(b"password")
        found.append(bytes(message))
    return [*found, b"\x16\xfe\xfd" + bytes(20), b"\x80\x6f" + bytes(20)]


def targets() -> dict[str, Target]:
    """All targets, by name."""
    relay = _parsers(
        relay_protocol.Health.parse,
        relay_protocol.JoinRequest.parse,
        relay_protocol.JoinAnswer.parse,
        relay_protocol.RefusalAnswer.parse,
        relay_protocol.parse_event,
        relay_protocol.parse_client_message,
    )
    journals = list(_journals())
    return {
        "relay": Target(_texts((*RELAY_WHOLE, *RELAY_EVENTS)), relay, text=True),
        "pcm": Target([*_texts(PCM), pcm_protocol.Audio(7, 320, bytes(range(40))).to_bytes()], _pcm, text=True),
        "websocket": Target(list(_frames()), _websocket),
        "rtp": Target(_rtp_packets(), _rtp),
        "rtcp": Target(_reports(), _rtcp),
        "stun": Target(_checks(), _stun()),
        "shared_port": Target(shared_port.samples(), shared_port.target()),
        "reception": Target(list(_talk()), _reception),
        "token": Target([token().encode()], _token, unwrap=_unwrap_token, wrap=_wrap_token),
        "wav": Target(list(_waves()), _wav()),
        "jsonl": Target(journals, _jsonl(), text=True),
        "sqlite": Target(journals, _sqlite(), text=True),
        "sendblue": Target(
            list(_answers()),
            _sendblue,
            text=True,
            unwrap=lambda data: data.partition(b"\n")[2],
            wrap=lambda data: b"\0\n" + data,
        ),
    }
