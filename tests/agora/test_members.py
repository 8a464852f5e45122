"""A member on Agora's SDK, one over WebRTC, one at the PCM door and a scripted callee hear one another in a channel."""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from tests.agora.sdk_programs import CLIPS, assert_heard, start, start_call
from tests.integration.likeness import compare, load
from tests.patience import PATIENCE_S, busy
from websockets.asyncio.client import connect

from offhook.interfaces import AudioFrame, Grant
from offhook.secret import Secret
from offhook.testing.conformance.tones import tone
from offhook_aiortc.transport import AiortcTransport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from tests.integration.conftest import Mock
    from tests.integration.likeness import Samples

    from offhook.session.events import LegEvent

#: Says hello, waits until somebody speaks, and replies.
CALLEE: Final = "+14155550108"
RATE_HZ: Final = 16_000
FRAME: Final = 320
#: The uid of each member that talks, and the tone by which it is known.
HERTZ: Final = {101: 500.0, 102: 900.0, 103: 1300.0}
NATIVE, WEBRTC, PCM = HERTZ
FRAMES: Final = 50


@dataclass
class Ear:
    """What a member hears, by uid."""

    heard: dict[int, bytearray] = field(default_factory=dict[int, bytearray])

    def on_event(self, event: LegEvent) -> None:
        pass

    def on_audio(self, uid: int, frame: AudioFrame) -> None:
        self.heard.setdefault(uid, bytearray()).extend(frame.pcm)


def frames_of(uid: int) -> list[bytes]:
    pcm = tone(HERTZ[uid], RATE_HZ, FRAMES * FRAME)
    return [pcm[at : at + 2 * FRAME] for at in range(0, len(pcm), 2 * FRAME)]


async def paced(send: Callable[[int, bytes], Any], uid: int) -> None:
    loop = asyncio.get_running_loop()
    start_s = loop.time()
    for number, frame in enumerate(frames_of(uid)):
        await asyncio.sleep(start_s + number / 50 - loop.time())
        sent = send(number * FRAME, frame)
        if sent is not None:
            await sent


def samples(pcm: bytes | bytearray) -> Samples:
    return np.frombuffer(pcm, "<i2").astype(np.float64) / 32768


def tone_ms(recording: Samples, hertz: float) -> int:
    """How many milliseconds of `recording` are a tone of `hertz`, and little else."""
    whole = recording[: len(recording) // FRAME * FRAME].reshape(-1, FRAME)
    wave = np.exp(-2j * np.pi * hertz * np.arange(FRAME) / RATE_HZ)
    energy = (whole**2).sum(axis=1)
    share = 2 * np.abs(whole @ wave) ** 2 / FRAME / np.maximum(energy, 1e-9)
    return int(((share > 0.8) & (energy > 0.1)).sum()) * 20


@contextlib.asynccontextmanager
async def pcm_member(url: str, answer: dict[str, Any], ear: Ear) -> AsyncIterator[Callable[[int, bytes], Any]]:
    """A client of the PCM door, written from its page."""
    agora = answer["agora"]
    async with connect(f"{url}/relay/pcm".replace("http", "ws", 1), proxy=None) as websocket:
        join = {"type": "join", "app_id": agora["appId"], "channel": agora["channelName"], "uid": PCM}
        await websocket.send(json.dumps({**join, "token": agora["token"]}))
        assert json.loads(await websocket.recv())["type"] == "welcome"

        async def listen() -> None:
            async for message in websocket:
                if isinstance(message, bytes):
                    ear.heard.setdefault(struct.unpack("<IQ", message[:12])[0], bytearray()).extend(message[12:])

        listening = asyncio.create_task(listen())
        yield lambda position, pcm: websocket.send(struct.pack("<IQ", 0, position) + pcm)
        await websocket.send(json.dumps({"type": "leave"}))
        await listening


def replied(pcm: bytearray) -> bool:
    """Whether all of the callee's reply has been heard: its last second is there, and then silence."""
    end, heard = load(CLIPS / "reply.wav")[-RATE_HZ:], samples(pcm)
    return len(heard) > RATE_HZ and compare(end, heard).correlation > 0.6 and abs(heard[-RATE_HZ // 5 :]).max() < 0.01


async def until(true: Callable[[], bool], what: str) -> None:
    async with asyncio.timeout(PATIENCE_S / 2):
        while not true():
            await asyncio.sleep(0.05)
    assert true(), what


def test_audio_crosses_in_all_directions(mock: Mock, sdk_folder: Path, tmp_path: Path) -> None:
    url = mock.ready["url"]
    ears = {WEBRTC: Ear(), PCM: Ear()}
    folder = tmp_path / "native"
    folder.mkdir()

    async def main() -> None:
        answer = start_call(mock, CALLEE)
        agora = answer["agora"]
        native = start(mock, sdk_folder, "member", NATIVE, HERTZ[NATIVE], folder).process
        assert native.stdin is not None
        assert native.stdout is not None

        def tell(line: str) -> None:
            assert native.stdin is not None
            native.stdin.write(f"{line}\n")
            native.stdin.flush()

        tell(json.dumps(answer))
        transport = AiortcTransport()
        grant = Grant(agora["appId"], agora["channelName"], Secret(agora["token"]), WEBRTC, url)
        leg = await transport.join(grant, ears[WEBRTC])
        async with pcm_member(url, answer, ears[PCM]) as send:
            assert (await asyncio.to_thread(native.stdout.readline)) == "joined\n"
            # It has answered when it has said hello.
            await until(lambda: any(len(pcm) > 2 * FRAME for pcm in ears[PCM].heard.values()), "the callee answers")
            tell("talk")
            own = 2 * FRAME * FRAMES
            await until(lambda: len(ears[PCM].heard.get(NATIVE, b"")) >= own, "the native member is heard")
            await paced(lambda at, pcm: leg.send(AudioFrame(pcm, RATE_HZ, at)), WEBRTC)
            await until(lambda: len(ears[PCM].heard.get(WEBRTC, b"")) >= own - 8 * FRAME, "the WebRTC member is heard")
            await paced(send, PCM)
            (uid,) = ears[PCM].heard.keys() - HERTZ.keys()
            await until(lambda: all(replied(ear.heard[uid]) for ear in ears.values()), "the callee has replied")
            tell("leave")
            native.stdin.close()
            assert await asyncio.to_thread(native.wait, PATIENCE_S / 2) == 0
            assert native.stderr is not None
            assert "Traceback" not in native.stderr.read()
        await leg.leave()
        await transport.aclose()
        native.stdout.close()
        native.stderr.close()

    asyncio.run(main())
    mock.close()
    heard = {member: ear.heard for member, ear in ears.items()}
    heard[NATIVE] = {int(path.stem): bytearray(path.read_bytes()) for path in folder.glob("*.pcm")}
    (callee,) = heard[NATIVE].keys() - HERTZ.keys()
    least = 500 if busy() else 940
    for listener, talkers in heard.items():
        assert talkers.keys() == {NATIVE, WEBRTC, PCM, callee} - {listener}
        for talker in HERTZ.keys() - {listener}:
            assert tone_ms(samples(talkers[talker]), HERTZ[talker]) >= least, (listener, talker)
        assert_heard(samples(talkers[callee]), "hello", "reply")
    (path,) = mock.recordings.glob("*.callee.wav")
    for hertz in HERTZ.values():
        assert tone_ms(load(path), hertz) >= least, hertz
