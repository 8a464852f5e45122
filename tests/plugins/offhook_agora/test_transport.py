"""What `check` finds out before anything rings, the settings, and what a child gets to see."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from tests.patience import PATIENCE_S
from tests.plugins.offhook_agora.kit import Doubles, Ear, find, frame, grant, sdk_folder, transport, until

from offhook.errors import ConfigError, JoinFailed, TransportNotSetUp, TransportUnavailable
from offhook.interfaces import Environment
from offhook.plugin.manager import Plugins
from offhook_agora.child_host import child_environment
from offhook_agora.layout import SdkLayout, find_sdk
from offhook_agora.settings import SCENARIOS, Settings
from offhook_agora.transport import AgoraTransport

SENTENCES = {
    ("mock", None): "joins only at a mock on this machine",
    ("agora", "http://127.0.0.1:9"): "Agora's own SDK cannot join at http://127.0.0.1:9, which is a mock",
    ("mock", "https://relay.example"): "and not at https://relay.example",
}


@pytest.mark.parametrize(("kind", "endpoint"), list(SENTENCES))
def test_an_sdk_that_does_not_join_there(kind: str, endpoint: str | None, tmp_path: Path) -> None:
    async def main() -> None:
        doubles = Doubles()
        async with transport(tmp_path, doubles, kind=kind) as agora:
            with pytest.raises(TransportUnavailable) as caught:
                await agora.check(endpoint)
            assert SENTENCES[kind, endpoint] in caught.value.message
        assert not doubles.hosts

    asyncio.run(main())


@pytest.mark.fault("F40")
def test_no_sdk_is_one_sentence_and_the_transport_can_be_used_later(tmp_path: Path) -> None:
    async def main() -> None:
        environment = Environment({"OFFHOOK_AGORA_SDK": str(tmp_path / "sdk")})
        agora = AgoraTransport(environment, find=find, make_host=Doubles())
        for _ in range(2):
            with pytest.raises(TransportUnavailable, match="offhook agora fetch"):
                await agora.check(None)
        sdk_folder(tmp_path / "sdk", "agora")
        await agora.check(None)
        await agora.aclose()

    asyncio.run(main())


def test_the_plugin_makes_it_without_an_sdk(tmp_path: Path) -> None:
    plugins = Plugins.load(())
    made = plugins.make(plugins.transports, "agora", Environment({"OFFHOOK_AGORA_RATE_HZ": "24000"}))
    assert isinstance(made, AgoraTransport)
    assert made.rate_hz == 24_000


def test_nothing_listens_and_something_else_listens(tmp_path: Path) -> None:
    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
        await writer.drain()
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(other, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with transport(tmp_path, kind="mock") as agora:
            with pytest.raises(TransportUnavailable, match=r"is not an offhook mock \(HTTP 404\)"):
                await agora.check(url)
            server.close()
            await server.wait_closed()
            with pytest.raises(TransportUnavailable, match="nothing is listening at"):
                await agora.check(url)

    asyncio.run(main())


def test_a_closed_transport_is_of_no_use(tmp_path: Path) -> None:
    async def main() -> None:
        async with transport(tmp_path) as agora:
            leg = await agora.join(grant(), Ear())
            await agora.aclose()
            await agora.aclose()
            await leg.leave()
            with pytest.raises(TransportUnavailable, match="closed"):
                await agora.check(None)
            with pytest.raises(JoinFailed, match="closed"):
                await agora.join(grant(), Ear())

    asyncio.run(main())


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PROCESS", "thread", "must be one of child, inline, got 'thread'"),
        ("CALLS_PER_CHILD", "0", "must be a whole number from 1 to 100, got '0'"),
        ("CALLS_PER_CHILD", "٣", "must be a whole number"),
        ("SCENARIO", "chours", "did you mean chorus?"),
        ("LEAD_MS", "201", "must be a whole number from 0 to 200, got '201'"),
        ("RATE_HZ", "44100", "must be one of 8000, 12000, 16000, 24000, 32000, 48000, got '44100'"),
    ],
)
def test_settings_that_are_wrong_are_named(name: str, value: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Settings.of({f"OFFHOOK_AGORA_{name}": value})
    assert f"OFFHOOK_AGORA_{name}" in caught.value.message
    assert says in caught.value.message


def test_settings_of_the_environment() -> None:
    assert Settings.of({}) == Settings()
    variables = {"PROCESS": "inline", "CALLS_PER_CHILD": "3", "SCENARIO": "default", "LEAD_MS": "0", "RATE_HZ": "8000"}
    given = Settings.of({f"OFFHOOK_AGORA_{name}": value for name, value in variables.items()})
    assert given == Settings("inline", 3, SCENARIOS["default"], 0, 8_000)
    for wrong in ({"lead_ms": 500}, {"rate_hz": 11_025}, {"process": "x"}, {"calls_per_child": 0}, {"scenario": -1}):
        with pytest.raises(ConfigError):
            Settings(**wrong)


@pytest.mark.trap("2.2b")
def test_a_child_inherits_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENDBLUE_API_API_SECRET", "secret-of-a-test")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/others")
    monkeypatch.setenv("OFFHOOK_AGORA_INTERRUPTED_MS", "4")
    layout = SdkLayout(tmp_path, tmp_path / "lib", "2.4.10", "mock")
    found = child_environment(layout, {"OFFHOOK_AGORA_INTERRUPTED_MS": "500", "SENDBLUE_API_API_KEY": "key"})
    assert found["LD_LIBRARY_PATH"] == f"{tmp_path}/lib:/others"
    assert found["LC_ALL"] == "C.UTF-8"
    assert found["OFFHOOK_AGORA_INTERRUPTED_MS"] == "500"
    assert not [name for name in found if name.startswith(("SENDBLUE", "PYTHON"))]


def of_process(pid: int, name: str) -> bytes:
    return Path(f"/proc/{pid}/{name}").read_bytes()


@pytest.mark.trap("1.5c")
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_token_is_in_no_argument_variable_or_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        doubles = Doubles()
        async with transport(tmp_path, doubles) as agora:
            leg = await agora.join(grant("floods", token="007-secret-token"), Ear())
            leg.send(frame())
            arguments, limits = of_process(doubles.pid, "cmdline"), of_process(doubles.pid, "limits").split()
            assert b"secret" not in arguments
            assert arguments.split(b"\0")[1] == b"-I"
            assert "secret" not in repr((agora, leg, leg.counters(), doubles.hosts))
            # The child cannot be looked into, and leaves no core.
            core = limits.index(b"core")
            assert limits[core + 3 : core + 5] == [b"0", b"0"]
            await until(lambda: "xxxx" in caplog.text, "lines of the child are logged at DEBUG")

    with caplog.at_level(logging.DEBUG, "offhook.agora"):
        asyncio.run(main())
    assert "secret" not in caplog.text


PROGRAM = """
    import asyncio, os, sys, pathlib
    from tests.plugins.offhook_agora.kit import Doubles, Ear, grant, transport

    async def main():
        doubles = Doubles()
        settings = {"OFFHOOK_AGORA_CALLS_PER_CHILD": "50"}
        async with transport(pathlib.Path(sys.argv[1]), doubles, variables=settings) as agora:
            leg = await agora.join(grant(), Ear())
            {body}
    asyncio.run(main())
"""


def program(folder: Path, body: str) -> subprocess.Popen[str]:
    text = textwrap.dedent(PROGRAM).replace("{body}", textwrap.indent(textwrap.dedent(body), " " * 8).strip())
    return subprocess.Popen(
        [sys.executable, "-c", text, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def ended(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z"


@pytest.mark.fault("F41")
@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
def test_a_stopped_child_dies_with_its_parent(tmp_path: Path) -> None:
    with program(tmp_path, "print(doubles.pid, flush=True)\nawait asyncio.sleep(60)") as running:
        assert running.stdout is not None
        pid = int(running.stdout.readline())
        os.kill(pid, signal.SIGSTOP)
        running.kill()

    async def main() -> None:
        await until(lambda: ended(pid), "the child is gone")

    asyncio.run(main())


def test_a_fork_neither_talks_to_the_child_nor_ends_it(tmp_path: Path) -> None:
    body = """
        from tests.plugins.offhook_agora.kit import frame, until
        ear = Ear()
        leg = await agora.join(grant('other'), ear)
        pid = os.fork()
        if not pid:
            try:
                leg.send(frame())
            except Exception as error:
                os._exit(0 if type(error).__name__ == 'PipeBroken' else 2)
            os._exit(1)
        assert os.waitpid(pid, 0)[1] == 0
        leg.send(frame())
        await until(lambda: ear.audio, 'the leg is up')
        await leg.leave()
        print(len(ear.audio))
    """
    with program(tmp_path, body) as running:
        out, _ = running.communicate(timeout=PATIENCE_S)
    assert out.split() == ["1"]
    assert running.returncode == 0


@pytest.mark.parametrize(
    "body",
    [
        "print(doubles.pid, flush=True)\nawait asyncio.sleep(60)",
        "print(doubles.pid, flush=True)\nawait agora.join(grant('unanswered'), Ear())",
        "print(doubles.pid, flush=True)\nawait leg.renew(grant(token='unanswered'))",
    ],
    ids=["up", "joining", "renewing"],
)
def test_ctrl_c_ends_the_child(body: str, tmp_path: Path) -> None:
    with program(tmp_path, body) as running:
        assert running.stdout is not None
        pid = int(running.stdout.readline())
        running.send_signal(signal.SIGINT)
        assert running.wait(PATIENCE_S) == -signal.SIGINT
    assert ended(pid)


def test_two_hundred_joins_with_few_descriptors(tmp_path: Path) -> None:
    body = """
        import resource
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        legs = await asyncio.gather(*(agora.join(grant(f'room{n}'), Ear()) for n in range(200)), return_exceptions=True)
        joined = [leg for leg in legs if not isinstance(leg, BaseException)]
        print(len(joined), len(doubles.hosts), {type(leg).__name__ for leg in legs if leg not in joined})
    """
    with program(tmp_path, body) as running:
        out, _ = running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 0
    assert out.split() == ["200", "5", "set()"]


def test_without_descriptors_a_join_fails_and_the_process_lives_on(tmp_path: Path) -> None:
    body = """
        import resource
        few = len(os.listdir('/dev/fd')) - 1
        resource.setrlimit(resource.RLIMIT_NOFILE, (few, 64))
        try:
            await agora.join(grant(app_id='b' * 32), Ear())
        except Exception as error:
            print(type(error).__name__, error)
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        await agora.join(grant(app_id='b' * 32), Ear())
    """
    with program(tmp_path, body) as running:
        out, _ = running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 0
    # The first thing that needs a descriptor is the SDK's files, or the child, if one was free by chance.
    assert out.startswith("JoinFailed ")
    assert "Too many open files" in out or "its child process cannot be started: OSError: " in out


def test_the_layer_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    place = sdk_folder(tmp_path / "sdk")
    (place / "upstream/agora/rtc/agora_service.py").unlink()
    with pytest.raises(TransportNotSetUp, match="offhook mock agora-sdk --into"):
        find_sdk(Environment({"OFFHOOK_AGORA_SDK": str(place)}))
