"""Rows of the fault catalogue and of the mock's own safety that no other test shows with a client behind a socket."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import struct
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest
from tests.mockserver.faces.control.control_client import T, wav
from tests.mockserver.hostile import HostileClient
from tests.mockserver.tenants.hooks import Receiver
from tests.patience import PATIENCE_S
from tests.security.mocks import credentials, problem_of, run, served, state_of
from tests.security.requests import HttpAnswer, Sample, ask, samples

from offhook_mockserver.server.loop_server import LoopServer
from offhook_sendblue import WebhookReceiver

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from offhook.interfaces import CarrierReport
    from offhook_mockserver.server import MockServer

#: The secret of a webhook.
SENT: Final = "a-secret-of-ours"
JSON: Final = {"content-type": "application/json"}
WITH_BODY: Final = tuple(sample for sample in samples() if sample.media_type == JSON["content-type"])
#: Bodies that no operation may take for what it expects.
BODIES: Final[Mapping[str, bytes]] = {
    "deep lists": b'{"content":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    "deep objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "a key twice": b'{"number": "+14155550155", "number": "+14155550156"}',
    "NaN": b'{"number": NaN}',
    "an infinity": b'{"number": -Infinity}',
    "a long number": b'{"number": ' + b"9" * 20_000 + b"}",
    "no text": b"\xff\xfe{}",
    "half of it": b'{"number": "+1415',
    "two documents": b"{} {}",
    "a list": b"[]",
}


async def wanted(mock: MockServer, sample: Sample, body: bytes) -> HttpAnswer:
    """The answer to a body with the right credentials."""
    return await ask(
        mock.port, sample.method, sample.target, {**credentials(mock, control=sample.is_control), **JSON}, body
    )


@pytest.mark.fault("F44")
@pytest.mark.safety("S8")
@pytest.mark.parametrize("body", BODIES)
def test_no_operation_takes_a_hostile_body(body: str) -> None:
    async def test() -> None:
        async with served(lenient=True) as mock:
            before = state_of(mock)
            for sample in WITH_BODY:
                answer = await wanted(mock, sample, BODIES[body])
                if answer.status == 404 and sample.is_control:
                    continue  # what the path names is not there
                assert answer.status == 400, (sample.operation, answer)
                assert len(problem_of(answer, control=sample.is_control)) < 300
            assert state_of(mock) == before

    run(test)


@pytest.mark.fault("F44")
@pytest.mark.safety("S8")
def test_a_body_of_200_megabytes_and_10_000_headers_are_refused_before_they_are_read() -> None:
    async def test() -> None:
        async with served() as mock:
            async with HostileClient(mock.port) as client:
                head = client.head("POST /facetime/start-call HTTP/1.1", {**JSON, "content-length": "200000000"})
                await client.send(head)
                status, body = await client.answer()
                assert status == 413
                assert json.loads(body)["status"] == "ERROR"
                assert not await client.flood(b" " * 65_536, 3_000), "the server reads what it has refused"
            async with HostileClient(mock.port) as client:
                headers = {f"x-{number}": "1" for number in range(10_000)}
                with_all = client.head("GET /api/lines HTTP/1.1", headers)
                await client.flood(with_all[:16_000], 1)
                await client.flood(with_all[16_000:], 1)
                assert (await client.rest()).startswith(b"HTTP/1.1 431")
            assert (await ask(mock.port, "GET", "/api/lines", credentials(mock, control=False))).status == 200

    run(test)


@pytest.mark.safety("S4")
def test_no_other_address_of_this_machine_answers() -> None:
    async def test() -> None:
        async with served() as mock:
            for address in ("127.0.0.2", "::1", *_own_addresses()):
                with pytest.raises(OSError):
                    await asyncio.open_connection(address, mock.port)

    run(test)


def _own_addresses() -> set[str]:
    """The addresses of this machine that other machines may reach."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent
        except OSError:
            return set()
        return {str(probe.getsockname()[0])} - {"127.0.0.1"}


@pytest.mark.slow
@pytest.mark.fault("F56")
@pytest.mark.safety("S5")
def test_live_keys_of_the_environment_are_neither_used_nor_shown() -> None:
    live = {"SENDBLUE_API_API_KEY": "live-key-7f31", "SENDBLUE_API_API_SECRET": "live-secret-7f31"}
    process = subprocess.Popen(
        [sys.executable, "-m", "offhook", "mock", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **live, "PYTHONSAFEPATH": "1"},
    )
    assert process.stdout is not None
    try:
        first = process.stdout.readline()
        keys = {"sb-api-key-id": live["SENDBLUE_API_API_KEY"], "sb-api-secret-key": live["SENDBLUE_API_API_SECRET"]}
        answer = asyncio.run(ask(json.loads(first)["port"], "GET", "/api/lines", keys))
        assert answer.status == 401
    finally:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_S)
    for secret in live.values():
        assert secret not in f"{first}{out}{err}{answer.body!r}"


@pytest.mark.fault("F52")
@pytest.mark.safety("S16")
def test_webhooks_that_are_registered_over_http_reach_this_machine_alone() -> None:
    """In no form of an address, and not by a redirect."""

    async def test() -> None:
        canary, redirects = Receiver(), Receiver(b"")
        async with served() as mock, canary.running(), redirects.running():
            port = canary.url.rpartition(":")[2].partition("/")[0]
            redirects._answer = f"HTTP/1.1 307 x\r\nlocation: {canary.url}\r\ncontent-length: 0\r\n\r\n".encode()
            hosts = (
                "10.0.0.1",
                "169.254.169.254",
                "100.64.0.1",
                "192.168.0.1",
                "93.184.216.34",
                "0.0.0.0",
                "2130706433",
                "0x7f.1",
                "127.1",
                "[::ffff:127.0.0.1]",
                "[64:ff9b::7f00:1]",
                "[2002:7f00:1::]",
                "[::]",
                "[fe80::1]",
                "[fd00::1]",
                "canary.invalid",
            )
            urls = [f"http://{host}:{port}/x" for host in hosts] + [redirects.url]
            headers = {**credentials(mock, control=False), **JSON}
            taken = []
            for url in urls:
                body = json.dumps({"webhooks": [url]}).encode()
                if (await ask(mock.port, "POST", "/api/account/webhooks", headers, body)).status < 300:
                    taken.append(url)
            assert redirects.url in taken
            assert len(taken) > 8, taken
            mock.tenant.webhooks.send("receive", {"content": "x"})
            async with asyncio.timeout(PATIENCE_S):
                while len(mock.tenant.webhooks.dead) + len(redirects.requests) < len(taken):
                    await asyncio.sleep(0)
            assert canary.connections == 0
            dead = {delivery.url for delivery in mock.tenant.webhooks.dead}
            assert dead >= {url for url in taken if url != redirects.url}
            mock.tenant.webhooks.registrations.remove("receive", urls)

    run(test)


@pytest.mark.fault("F52")
@pytest.mark.safety("S16")
@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1:9/_x", "javascript:1"])
def test_webhooks_of_other_schemes_are_refused(url: str) -> None:
    async def test() -> None:
        async with served() as mock:
            headers, body = {**credentials(mock, control=False), **JSON}, json.dumps({"webhooks": [url]}).encode()
            answer = await ask(mock.port, "POST", "/api/account/webhooks", headers, body)
            assert answer.status == 400
            assert mock.tenant.webhooks.send("receive", {}) == ()

    run(test)


@pytest.mark.safety("S19")
def test_no_text_of_a_client_becomes_a_header() -> None:
    """Neither of an answer of the mock, nor of a webhook."""

    async def test() -> None:
        receiver = Receiver()
        async with served(lenient=True) as mock, receiver.running():
            api, control = ({**credentials(mock, control=each), **JSON} for each in (False, True))
            bad = "x\r\nevil:1"
            answers = []
            for hook in ({"url": receiver.url, "secret": bad}, {"url": f"{receiver.url}{bad}", "secret": "x"}):
                registered = json.dumps({"webhooks": [hook], "type": "receive"}).encode()
                answers.append(await ask(mock.port, "POST", "/api/account/webhooks", api, registered))
                registered = json.dumps({"type": "receive", **hook}).encode()
                answers.append(await ask(mock.port, "POST", f"{T}/webhooks", control, registered))
            # A lenient mock takes any text for a URL, and posts to none that is not one.
            assert [answer.status for answer in answers] == [400, 422, 200, 400], answers
            answers += [
                await ask(mock.port, "PUT", "/api/lines%0d%0aevil:1", api, b"{}"),
                await ask(mock.port, "GET", "/api/v2/messages/%0d%0aevil:%201", api),
                await ask(mock.port, "DELETE", f"{T}/callees/%0d%0aevil:1/wait", control),
                await ask(mock.port, "GET", f"{T}/clips/%0d%0aevil:1", control),
            ]
            for arguments in ({"location": bad}, {"url": bad}, {"to": bad}, {"body": bad, "status": 500}):
                for name in ("redirect", "status", "html", "retry_after"):
                    body = json.dumps({"name": name, "arguments": arguments}).encode()
                    answers.append(await ask(mock.port, "POST", f"{T}/faults", control, body))
            call = json.dumps({"phoneNumber": "+14155550102", "fromNumber": "+18885550199"}).encode()
            answers += [await ask(mock.port, "POST", "/facetime/start-call", api, call) for _ in range(4)]
            assert [answer for answer in answers if "evil" in answer.headers] == []
            mock.tenant.webhooks.send("receive", {"content": bad, "number": bad})
            async with asyncio.timeout(PATIENCE_S):
                while mock.tenant.webhooks.waiting:
                    await asyncio.sleep(0)
            assert receiver.connections == 0

    run(test)


@pytest.mark.fault("F55")
@pytest.mark.safety("S17")
def test_scripts_and_clips_that_are_sent_reach_no_file(tmp_path: Path) -> None:
    async def test() -> None:
        async with served(recordings=tmp_path) as mock:
            (tmp_path / "link.wav").symlink_to("/etc/passwd")
            os.mkfifo(tmp_path / "fifo.wav")
            headers = {**credentials(mock, control=True), **JSON}
            names = (
                "../../etc/passwd",
                "/dev/zero",
                str(tmp_path / "fifo.wav"),
                "file:///etc/passwd",
                "wav:/etc/passwd",
            )
            for name in names:
                body = json.dumps({"steps": ["answer", {"say": name}]}).encode()
                answer = await ask(mock.port, "PUT", f"{T}/callees/%2B14155550155", headers, body)
                assert (answer.status, answer.json["error"]["code"]) == (422, "script")
                assert b"root:" not in answer.body
            for name in ("..%2F..%2Fetc%2Fpasswd", "%2Fetc%2Fpasswd", "link", "fifo", "link.wav", "%00", "x" * 300):
                for folder in ("clips", "recordings", "callees"):
                    answer = await ask(mock.port, "GET", f"{T}/{folder}/{name}", headers)
                    assert 400 <= answer.status < 500, (folder, name, answer)
                    assert b"root:" not in answer.body
            for content in (_lying(rate_hz=0), _lying(size=2**32 - 1), b"RIFF", bytes(100)):
                upload = {**credentials(mock, control=True), "content-type": "audio/wav"}
                answer = await ask(mock.port, "PUT", f"{T}/clips/a.wav", upload, content)
                assert 400 <= answer.status < 500, answer
            steps = json.dumps({"steps": ["mute"] * 10**6}).encode()
            async with HostileClient(mock.port) as client:
                await client.send(client.head(f"PUT {T}/callees/%2B14155550155 HTTP/1.1", {
                    **headers, "content-length": str(len(steps))
                }))  # fmt: skip
                assert (await client.answer())[0] == 413
            assert (mock.tenant.scripts, mock.tenant.clips.all) == ({}, ())

    run(test)


def _lying(*, rate_hz: int = 16_000, size: int | None = None) -> bytes:
    """A WAV file whose header says something else than what is there."""
    content = bytearray(wav(0.01))
    struct.pack_into("<I", content, 24, rate_hz)
    if size is not None:
        struct.pack_into("<I", content, 40, size)
    return bytes(content)


class _Reports:
    """A phone that keeps the reports that it gets."""

    def __init__(self) -> None:
        self.reports: list[CarrierReport] = []

    def report(self, report: CarrierReport) -> bool:
        self.reports.append(report)
        return True


@pytest.mark.fault("F54")
@pytest.mark.safety("S13")
def test_a_receiver_behind_a_socket_takes_an_event_once_and_only_with_its_secret() -> None:
    """Forged, repeated and very late ones are counted."""

    async def test() -> None:
        phone = _Reports()
        async with WebhookReceiver(SENT, phone=phone) as receiver:
            server = LoopServer(receiver)
            await server.start(0)
            try:

                async def post(secret: str, **changed: object) -> int:
                    event = {
                        "event_type": "call_log",
                        "call_id": "c1",
                        "direction": "outbound",
                        "from_number": "+18885550199",
                        "to_number": "+14155550155",
                        "disposition": "declined",
                        **changed,
                    }
                    headers = {**JSON, "sb-signing-secret": secret}
                    return (await ask(server.port, "POST", "/", headers, json.dumps(event).encode())).status

                for forged in ("", SENT[:-1], f"{SENT}1", SENT.upper(), "\x9b", "x" * 5_000):
                    assert await post(forged) == 401
                assert [await post(SENT) for _ in range(3)] == [200] * 3
                assert await post(SENT, call_id="c2", date_ended="2020-01-01T00:00:00Z") == 200
                counts = receiver.counts
                assert (counts.rejected, counts.accepted, counts.duplicates, counts.stale) == (6, 1, 2, 1)
                assert len(phone.reports) == 1
            finally:
                server.stop_accepting()
                await server.stop()

    run(test)
