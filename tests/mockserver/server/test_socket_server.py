"""The server as a whole: it starts and stops cleanly, on loopback only, and its calls are real."""

from __future__ import annotations

import asyncio
import errno
import importlib
import socket
import wave
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.patience import PATIENCE_S, busy
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from offhook import CallPolicy, Phone
from offhook.errors import ConfigError, StorageError
from offhook.interfaces.ids import Ids
from offhook.plugin.manager import Plugins
from offhook.session.outcome import Disposition, EndedBy
from offhook_mockserver.callees.callee import CalleeEnd
from offhook_mockserver.callees.numbers import SPEECH
from offhook_mockserver.callees.script import Answer, Decline, Echo, HangUp, ListenFor, Say, Script, Sound
from offhook_mockserver.server.socket_server import MockServer, MockSettings
from offhook_mockserver.tenants.settings import TenantSettings

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from offhook_mockserver.tenants.call import CallEvent, MockCall

NUMBER = "+14155550123"


def environment(server: MockServer) -> dict[str, str]:
    return {
        "SENDBLUE_API_BASE_URL": server.url,
        "SENDBLUE_API_API_KEY": server.tenant.api_key.reveal(),
        "SENDBLUE_API_API_SECRET": server.tenant.api_secret.reveal(),
        "OFFHOOK_FROM_NUMBER": server.from_number,
        "OFFHOOK_STORE": "none",
    }


async def start_call(server: MockServer, to: str = NUMBER) -> MockCall:
    headers = {
        "sb-api-key-id": server.tenant.api_key.reveal(),
        "sb-api-secret-key": server.tenant.api_secret.reveal(),
    }
    async with httpx.AsyncClient(base_url=server.url, trust_env=False, headers=headers) as client:
        answer = await client.post("/facetime/start-call", json={"phoneNumber": to, "fromNumber": server.from_number})
        return server.tenant.calls[answer.json()["agora"]["channelName"]]


async def until_gone(server: MockServer, timeout_s: float = 5) -> None:
    async with asyncio.timeout(timeout_s):
        while server.tenant.calls:
            await asyncio.sleep(0.01)


@pytest.mark.safety("S4")
def test_it_listens_on_loopback_only_on_a_port_of_its_own() -> None:
    async def main() -> None:
        async with MockServer(plugins=Plugins()) as one, MockServer(plugins=Plugins()) as two:
            assert one.port != two.port
            assert one.url == f"http://127.0.0.1:{one.port}"
            assert one._server is not None
            assert one._server.address == ("127.0.0.1", one.port)

    asyncio.run(main())


def test_small_answers_do_not_wait_for_acknowledgements() -> None:
    async def main() -> None:
        async with MockServer(plugins=Plugins()) as server, httpx.AsyncClient(trust_env=False) as client:
            await client.get(server.url)
            assert server._server is not None
            (connection,) = server._server.server_state.connections
            accepted = connection.transport.get_extra_info("socket")
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("method", "path", "nearest"),
    [
        ("GET", "/relay/", "GET /relay"),
        ("POST", "/relay", "POST /relay/join"),
        ("GET", "/relay/join", "POST /relay/join"),
        ("POST", "/relay/join/", "POST /relay/join"),
        ("GET", "/relay/events", "GET /relay/events (as a WebSocket, with ?sid=)"),
        ("DELETE", "/relay/anything", "/relay/"),
    ],
)
def test_unknown_routes_of_the_relay_are_answered_as_elsewhere(method: str, path: str, nearest: str) -> None:
    async def main() -> None:
        async with MockServer(plugins=Plugins()) as server, httpx.AsyncClient(trust_env=False) as client:
            answer = await client.request(method, server.url + path, headers={"content-type": "application/json"})
        assert answer.status_code == 501
        assert answer.json()["status"] == "ERROR"
        assert f"does not answer '{method} {path}'" in answer.json()["message"]
        assert nearest in answer.json()["message"]

    asyncio.run(main())


@pytest.mark.parametrize("error", [ImportError("No module named 'av'"), OSError("libvpx.so: wrong ELF class")])
def test_without_media_libraries_the_relay_says_what_to_install(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = importlib.import_module

    def fail(name: str, package: str | None = None) -> ModuleType:
        if name == "offhook_mockserver.doors.webrtc.door":
            raise error
        return genuine(name, package)

    monkeypatch.setattr("importlib.import_module", fail)

    async def main() -> None:
        async with MockServer(plugins=Plugins()) as server, httpx.AsyncClient(trust_env=False) as client:
            assert (await start_call(server)).channel
            for path in ("/relay", "/relay/join"):
                answer = await client.get(server.url + path)
                assert answer.status_code == 503
                message = answer.json()["error"]["message"]
                assert str(error) in message
                assert 'pip install "offhook[mock]"' in message
            with pytest.raises(InvalidStatus) as caught:
                await connect(f"ws://127.0.0.1:{server.port}/relay/events?sid=x", proxy=None)
            assert caught.value.response.status_code == 503

    asyncio.run(main())


@pytest.mark.safety("S11")
def test_stopping_is_quick_complete_and_idempotent() -> None:
    async def main() -> None:
        server = MockServer(MockSettings(tenant=TenantSettings(join_window_s=60)), plugins=Plugins())
        async with server, httpx.AsyncClient(trust_env=False) as client:
            idle = await client.get(server.url)
            assert idle.status_code == 501
            for _ in range(3):
                await start_call(server)
            stopping_at = asyncio.get_running_loop().time()
            await server.aclose()
            assert asyncio.get_running_loop().time() - stopping_at < 2.0
            await server.aclose()
        assert len(server.rooms) == 0
        assert server.tenant.calls == {}
        assert asyncio.all_tasks() == {asyncio.current_task()}
        with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
            probe.connect(("127.0.0.1", server.port))

    asyncio.run(main())


def test_a_port_can_be_used_again_and_a_taken_one_is_named() -> None:
    async def main() -> None:
        async with MockServer(plugins=Plugins()) as first:
            port = first.port
            with pytest.raises(ConfigError, match=f"port {port} of 127.0.0.1 is taken"):
                await MockServer(MockSettings(port=port), plugins=Plugins()).start()
        async with MockServer(MockSettings(port=port), plugins=Plugins()):
            pass

    asyncio.run(main())


@pytest.mark.parametrize("port", [-1, 70_000])
def test_an_invalid_port_is_refused(port: int) -> None:
    with pytest.raises(ConfigError, match=f"port must be between 0 and 65,535, got {port}"):
        asyncio.run(MockServer(MockSettings(port=port), plugins=Plugins()).start())


def test_a_port_of_the_system_is_refused_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(listener: socket.socket, address: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)  # the tests may run as root, which may use every port
    from offhook_mockserver.server.loopback import listen

    with pytest.raises(ConfigError, match="1024"):
        listen(80)


def test_the_port_of_http_may_be_left_out_of_its_name() -> None:
    from offhook_mockserver.server.socket_server import _names

    assert _names(80) == {"127.0.0.1:80", "localhost:80", "127.0.0.1", "localhost"}
    assert _names(8080) == {"127.0.0.1:8080", "localhost:8080"}


def test_a_folder_that_cannot_be_written_is_refused_before_it_listens(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    server = MockServer(MockSettings(recordings=tmp_path / "file"), plugins=Plugins())
    with pytest.raises(StorageError, match="--recordings"):
        asyncio.run(server.start())
    assert server.port == 0


def test_a_seed_makes_keys_and_channels_repeatable() -> None:
    async def channel() -> tuple[str, str, str]:
        async with MockServer(ids=Ids("seed"), plugins=Plugins()) as server:
            call = await start_call(server)
            return server.tenant.api_key.reveal(), server.tenant.app_id, call.channel

    assert asyncio.run(channel()) == asyncio.run(channel())


def test_a_channel_that_no_caller_joins_is_closed() -> None:
    async def main() -> None:
        settings = MockSettings(tenant=TenantSettings(join_window_s=0.2))
        async with MockServer(settings, plugins=Plugins.load()) as server:
            call = await start_call(server)
            await until_gone(server)
            assert call.end is CalleeEnd.CALLER_ABSENT
            assert len(server.rooms) == 0
            assert list(server.tenant.ended) == [call.ended()]

    asyncio.run(main())


def test_a_declined_call_keeps_its_channel_until_the_caller_has_joined() -> None:
    async def main() -> None:
        settings = MockSettings(tenant=TenantSettings(join_window_s=0.5))
        script = Script("declines at once", (Decline(),))
        async with MockServer(settings, plugins=Plugins(), script_for=lambda number: script) as server:
            call = await start_call(server)
            async with asyncio.timeout(PATIENCE_S):
                while call.end is None:
                    await asyncio.sleep(0.001)
            assert server.rooms.get(call.channel) is call.room
            await until_gone(server)
            assert call.room.closed

    asyncio.run(main())


def test_a_callee_that_fails_is_reported_and_ends_only_its_own_call(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    noise = tmp_path / "noise.wav"
    noise.write_bytes(b"no audio")

    async def main() -> None:
        events: list[CallEvent] = []
        settings = MockSettings(tenant=TenantSettings(join_window_s=0.2))
        unreadable = Script("says what cannot be read", (Answer(), Say(noise)))
        async with MockServer(
            settings, plugins=Plugins.load(), script_for=lambda number: unreadable, on_event=events.append
        ) as server:
            call = await start_call(server)
            await until_gone(server)
        assert call.end is CalleeEnd.FAILED
        assert "noise.wav" in events[-1].what
        assert "noise.wav" in caplog.text
        assert {event.number for event in events} == {"+1415•••0123"}

    asyncio.run(main())


def place(server: MockServer, number: str = NUMBER) -> Phone:
    return Phone.from_env(environment(server), policy=CallPolicy(ring_timeout_s=5))


@pytest.mark.slow
def test_a_phone_calls_speaks_is_heard_and_hears_the_reply(tmp_path: Path) -> None:
    """A whole call over real WebRTC; the recording of the callee is complete when the call has ended."""

    async def main() -> None:
        steps = (Answer(), ListenFor(Sound.SPEECH), ListenFor(Sound.QUIET), Say(SPEECH / "hello.wav"), HangUp())
        server = MockServer(
            MockSettings(recordings=tmp_path), script_for=lambda number: Script("listens, says hello, goes", steps)
        )
        async with server:
            async with place(server) as phone, phone.dial(NUMBER) as call:
                assert await call.answered()
                call.play(f"wav:{SPEECH / 'greeting.wav'}")
                await call.ended()
            outcome = call.record.outcome
            assert outcome is not None
            assert (outcome.disposition, outcome.ended_by) == (Disposition.COMPLETED, EndedBy.CALLEE)
            await until_gone(server)
        (ended,) = server.tenant.ended
        assert ended.events[-2:] == ["callee says hello.wav", "callee hung up"]
        assert ended.counters()["gap_samples"] == 0 or busy()
        with wave.open(str(tmp_path / f"{ended.channel}.callee.wav")) as recording:
            assert (recording.getframerate(), recording.getnchannels()) == (16_000, 1)
            assert 3.5 < recording.getnframes() / 16_000 < 7

    asyncio.run(main())


@pytest.mark.slow
def test_stopping_in_mid_call_leaves_a_whole_recording(tmp_path: Path) -> None:
    async def main() -> None:
        server = MockServer(
            MockSettings(recordings=tmp_path), script_for=lambda number: Script("echoes", (Answer(), Echo()))
        )
        async with server, place(server) as phone, phone.dial(NUMBER) as call:
            assert await call.answered()
            await call.play("tone:440,0.5,-20").done()
            await server.aclose()
            await call.ended()

    asyncio.run(main())
    (recording,) = tmp_path.glob("*.callee.wav")
    with wave.open(str(recording)) as file:
        assert file.getnframes() > 0.5 * 16_000


def test_what_uvicorn_would_read_from_the_environment_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", "abc")
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")

    async def main() -> None:
        async with MockServer() as server:
            assert server.port

    asyncio.run(main())
