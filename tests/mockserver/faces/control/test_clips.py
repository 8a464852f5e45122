"""Clips over the control API: uploaded, used by callees, and gone with their tenant."""

from __future__ import annotations

import stat
import struct
import tempfile
from typing import TYPE_CHECKING

import pytest
from tests.mockserver.faces.control.control_client import NUMBER, ControlClient, T, call, controlled, wav

from offhook.testing.audio import Clip
from offhook_mockserver.callees.summaries import CLIPS as OWN
from offhook_mockserver.server import TenantSettings
from offhook_mockserver.tenants import clips

if TYPE_CHECKING:
    from pathlib import Path

    from offhook_mockserver.server import InProcessMock

CLIPS = f"{T}/clips"
WAV = {"content-type": "audio/wav"}


def test_a_clip_is_uploaded_listed_downloaded_and_deleted() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        content = wav(0.5)
        answer = await client.put(f"{CLIPS}/mine-1.wav", content=content, headers=WAV)
        shown = {"name": "mine-1.wav", "bytes": len(content), "rate_hz": 16_000, "channels": 1, "duration_s": 0.5}
        assert (answer.status_code, answer.json()) == (201, shown)
        listed = await client.ok("GET", CLIPS)
        assert listed == {"clips": [shown], "built_in": ["greeting.wav", "hello.wav", "reply.wav"]}
        (clip,) = mock.tenant.clips.all
        assert stat.S_IMODE(clip.file.stat().st_mode) == 0o600
        assert stat.S_IMODE(clip.file.parent.stat().st_mode) == 0o700
        downloaded = await client.get(f"{CLIPS}/mine-1.wav")
        assert (downloaded.content, downloaded.headers["content-type"]) == (content, "audio/wav")
        other = wav(0.25, rate_hz=8_000)
        replaced = await client.put(f"{CLIPS}/mine-1.wav", content=other, headers=WAV)
        assert (replaced.status_code, replaced.json()["rate_hz"]) == (200, 8_000)
        assert [path.name for path in clip.file.parent.iterdir()] == ["mine-1.wav"]
        assert (await client.ok("DELETE", f"{CLIPS}/mine-1.wav"))["name"] == "mine-1.wav"
        for method in ("GET", "DELETE"):
            assert (await client.refused(method, f"{CLIPS}/mine-1.wav"))[:2] == (404, "no_such_clip")
        assert not clip.file.exists()

    controlled(test)


def test_a_callee_says_a_clip_and_the_new_one_after_it_was_replaced() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        await client.put(f"{CLIPS}/beep.wav", content=wav(1, hz=440), headers=WAV)
        await client.ok("PUT", f"{T}/callees/{NUMBER}", {"steps": ["answer", {"say": "beep.wav"}, {"hang_up": 0.5}]})
        assert (await client.ok("GET", f"{T}/callees/{NUMBER}"))["steps"][1] == {"say": {"what": "beep.wav"}}
        refused = await client.refused("DELETE", f"{CLIPS}/beep.wav")
        assert refused[:2] == (409, "state")
        assert "the callee +1415•••0155 needs the clip beep.wav" in refused[2]
        for hz, other_hz in ((440, 1_200), (1_200, 440)):
            await client.put(f"{CLIPS}/beep.wav", content=wav(1, hz=hz), headers=WAV)
            await call(mock, for_s=3)
            said = mock.tenant.kept[-1].callee.audio()
            clip = Clip(said.said, said.rate_hz)
            assert clip.tones(hz)
            assert not clip.tones(other_hz)

    controlled(test, settings=TenantSettings(keep_audio_s=60))


def test_a_clip_comes_before_one_of_offhooks_own_with_its_name() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        steps = ["answer", {"say": "hello.wav"}]
        await client.ok("PUT", f"{T}/callees/{NUMBER}", {"steps": steps})
        (speech,) = mock.tenant.scripts[NUMBER].speeches
        assert speech.path == OWN / "hello.wav"
        await client.put(f"{CLIPS}/hello.wav", content=wav(), headers=WAV)
        await client.ok("PUT", f"{T}/callees/{NUMBER}", {"steps": steps})
        (speech,) = mock.tenant.scripts[NUMBER].speeches
        assert speech.path == mock.tenant.clips.all[0].file

    controlled(test)


def test_clips_go_with_their_tenant_and_with_the_mock() -> None:
    folders: list[Path] = []

    async def test(mock: InProcessMock, client: ControlClient) -> None:
        made = await client.ok("POST", "/mock/v1/tenants", {})
        for path in (T, f"/mock/v1/tenants/{made['id']}"):
            await client.put(f"{path}/clips/a.wav", content=wav(), headers=WAV)
        for tenant in mock.tenants.all():
            assert tenant.clips.folder is not None
            folders.append(tenant.clips.folder)
        assert (await client.ok("GET", CLIPS))["clips"] == (await client.ok("GET", CLIPS))["clips"]
        await client.ok("DELETE", f"/mock/v1/tenants/{made['id']}")
        assert [folder.exists() for folder in folders] == [True, False]

    controlled(test)
    assert not any(folder.exists() for folder in folders)


@pytest.mark.fault("F46")
def test_a_clip_of_another_tenant_is_like_one_that_never_was() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        made = await client.ok("POST", "/mock/v1/tenants", {})
        await client.put(f"{CLIPS}/a.wav", content=wav(), headers=WAV)
        theirs = await client.refused("GET", f"/mock/v1/tenants/{made['id']}/clips/a.wav")
        await client.ok("DELETE", f"{CLIPS}/a.wav")
        assert theirs == await client.refused("GET", f"{CLIPS}/a.wav")

    controlled(test)


@pytest.mark.fault("F43", "F55")
@pytest.mark.parametrize(
    "name",
    [
        "..%2Fx.wav",
        "%2e%2e%2fx.wav",
        "..",
        "x.mp3",
        "X.wav",
        ".wav",
        "-x.wav",
        "x.wav%00",
        "x%0A.wav",
        "con.tar.wav",
        "a" * 60 + ".wav",
        "%F0%9F%92%A9.wav",
        "a%5Cb.wav",
        "a.wav%20",
    ],
)
def test_only_names_of_our_own_alphabet_are_taken(name: str) -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        answer = await client.put(f"{CLIPS}/{name}", content=wav(), headers=WAV)
        # A name with a slash in it is a path of more parts, which there is not.
        assert (answer.status_code, answer.json()["error"]["code"]) in {
            (400, "malformed"),
            (404, "no_such_route"),
            (405, "method"),
            (415, "wrong_type"),
        }
        assert mock.tenant.clips.folder is None

    controlled(test)


def header(
    *, riff: int = 36, kind: int = 1, channels: int = 1, rate_hz: int = 16_000, bits: int = 16, data: int = 2
) -> bytes:
    block = channels * (bits // 8)
    fmt = struct.pack("<HHIIHH", kind, channels, rate_hz, rate_hz * block % 2**32, block % 2**16, bits)
    return (
        b"RIFF"
        + struct.pack("<I", riff)
        + b"WAVEfmt "
        + struct.pack("<I", 16)
        + fmt
        + b"data"
        + struct.pack("<I", data)
    )


@pytest.mark.fault("F55")
@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is not a WAV file"),
        (b"RIFF", "is not a WAV file"),
        (b"ID3 an MP3", "is not a WAV file"),
        (b"#!/bin/sh\n" * 100, "is not a WAV file"),
        (header(data=0xFFFFFFF0, riff=0xFFFFFFFF) + b"\0\0", "promises 4,294,967,280 bytes more, and the file holds 2"),
        (header(rate_hz=0) + b"\0\0", "a rate of 0 Hz"),
        (header(rate_hz=0xFFFFFFFF) + b"\0\0", "a rate of 4294967295 Hz"),
        (header(channels=0) + b"\0\0", "0 channels"),
        (header(channels=60_000) + b"\0\0", "60000 channels"),
        (header(bits=0) + b"\0\0", "0 bits"),
        (header(kind=85) + b"\0\0", "format 85"),
        (header(data=0), "the chunk named data is empty"),
        (header()[:36], "the chunk named data is missing"),
        (b"RIFF\x24\0\0\0WAVEdata\2\0\0\0\0\0", "before the chunk that describes it"),
        (b"RIFF\x24\0\0\0WAVE" + b"LIST\0\0\0\0" * 200, "the chunk named data is missing"),
        (b"RIFF\x24\0\0\0WAVEfmt \2\0\0\0\1\0", "a header that is too short"),
        (header(rate_hz=1_000, bits=8, data=600_001) + bytes(600_001), "is 600 s long; the limit"),
    ],
)
def test_a_header_that_lies_is_refused(content: bytes, problem: str) -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        answer = await client.put(f"{CLIPS}/a.wav", content=content, headers=WAV)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")
        assert problem in answer.json()["error"]["message"]
        assert mock.tenant.clips.folder is None

    controlled(test)


def test_more_kinds_of_wav_are_taken() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        odd_chunk = b"RIFF\x40\0\0\0WAVELIST\3\0\0\0abc\0" + header()[12:] + b"\0\0"
        for index, content in enumerate(
            (odd_chunk, header(channels=2, bits=24, data=6) + bytes(6), header(kind=7, bits=8) + bytes(2))
        ):
            answer = await client.put(f"{CLIPS}/{index}.wav", content=content, headers=WAV)
            assert answer.status_code == 201, answer.text

    controlled(test)


@pytest.mark.safety("S18")
@pytest.mark.fault("F45")
def test_clips_are_bounded_in_number_and_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips, "MOST_CLIPS", 2)
    content = wav(0.1)
    monkeypatch.setattr(clips, "MOST_BYTES", 2 * len(content) + 10)

    async def test(mock: InProcessMock, client: ControlClient) -> None:
        for name in ("a", "b", "a"):
            assert (await client.put(f"{CLIPS}/{name}.wav", content=content, headers=WAV)).is_success
        for name, large, problem in (("c", content, "2 clips"), ("a", wav(0.2), "together: delete some")):
            answer = await client.put(f"{CLIPS}/{name}.wav", content=large, headers=WAV)
            assert (answer.status_code, answer.json()["error"]["code"]) == (409, "state")
            assert problem in answer.json()["error"]["message"]
        assert [clip.bytes for clip in mock.tenant.clips.all] == [len(content)] * 2

    controlled(test)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "mkdtemp", lambda **_: str(tmp_path / "gone"))

    async def test(mock: InProcessMock, client: ControlClient) -> None:
        answer = await client.put(f"{CLIPS}/a.wav", content=wav(), headers=WAV)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
        assert "the clip a.wav cannot be stored" in answer.json()["error"]["message"]
        assert mock.tenant.clips.all == ()

    controlled(test)


@pytest.mark.fault("F44")
def test_a_body_that_is_not_audio_or_too_large_is_refused_before_it_is_read() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        json = await client.put(f"{CLIPS}/a.wav", json={})
        assert (json.status_code, json.json()["error"]["code"]) == (415, "wrong_type")
        large = await client.put(f"{CLIPS}/a.wav", content=bytes(8 * 1024 * 1024 + 1), headers=WAV)
        assert (large.status_code, large.json()["error"]["code"]) == (413, "too_large")
        stranger = {**WAV, "authorization": "Bearer wrong"}
        refused = await client.put(f"{CLIPS}/a.wav", content=bytes(8 * 1024 * 1024), headers=stranger)
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "token")

    controlled(test)


def test_a_link_in_the_folder_is_not_followed(tmp_path: Path) -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        await client.put(f"{CLIPS}/a.wav", content=wav(), headers=WAV)
        folder = mock.tenant.clips.folder
        assert folder is not None
        victim = tmp_path / "victim"
        victim.write_text("mine", encoding="utf-8")
        (folder / ".b.wav").symlink_to(victim)
        (folder / "b.wav").symlink_to(victim)
        assert (await client.refused("GET", f"{CLIPS}/b.wav"))[:2] == (404, "no_such_clip")
        assert (await client.put(f"{CLIPS}/b.wav", content=wav(), headers=WAV)).status_code == 201
        assert victim.read_text(encoding="utf-8") == "mine"

    controlled(test)
