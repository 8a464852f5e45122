"""Recordings over the control API: only those of the tenant's calls, only regular files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.mockserver.faces.control.control_client import ControlClient, T, call, controlled

if TYPE_CHECKING:
    from pathlib import Path

    from offhook_mockserver.server import InProcessMock

RECORDINGS = f"{T}/recordings"


def test_recordings_are_listed_and_downloaded(tmp_path: Path) -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        assert await client.ok("GET", RECORDINGS) == {"recordings": []}
        channel = await call(mock, "+14155550101", say="tone:440,1", for_s=2)
        file = tmp_path / f"{channel}.callee.wav"
        listed = await client.ok("GET", RECORDINGS)
        assert listed == {"recordings": [{"channel": channel, "bytes": file.stat().st_size}]}
        answer = await client.get(f"{RECORDINGS}/{channel}")
        assert (answer.content, answer.headers["content-type"]) == (file.read_bytes(), "audio/wav")
        made = await client.ok("POST", "/mock/v1/tenants", {})
        theirs = f"/mock/v1/tenants/{made['id']}/recordings"
        assert await client.ok("GET", theirs) == {"recordings": []}
        assert (await client.refused("GET", f"{theirs}/{channel}"))[:2] == (404, "no_such_recording")

    controlled(test, recordings=tmp_path)


def test_a_mock_that_records_nothing_says_how_it_would(tmp_path: Path) -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        for path in (RECORDINGS, f"{RECORDINGS}/ft_call_0"):
            refused = await client.refused("GET", path)
            assert refused[:2] == (409, "state")
            assert "--recordings DIR" in refused[2]

    controlled(test)


@pytest.mark.safety("S17")
@pytest.mark.fault("F43", "F55")
def test_nothing_but_recordings_is_served(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    (tmp_path / "secret.callee.wav").write_text("mine", encoding="utf-8")

    async def test(mock: InProcessMock, client: ControlClient) -> None:
        channel = await call(mock, "+14155550101")
        file = folder / f"{channel}.callee.wav"
        (folder / "other.callee.wav").write_text("mine", encoding="utf-8")
        for name in (
            "..%2Fsecret",
            "%2e%2e/secret",
            "../secret",
            "other",
            "",
            f"{channel}.callee.wav",
            f"{channel}%00",
        ):
            answer = await client.get(f"{RECORDINGS}/{name}")
            assert answer.status_code == 404, name
            assert "mine" not in answer.text
        file.unlink()
        os.mkfifo(file)
        assert (await client.refused("GET", f"{RECORDINGS}/{channel}"))[:2] == (404, "no_such_recording")
        file.unlink()
        file.symlink_to(tmp_path / "secret.callee.wav")
        assert (await client.refused("GET", f"{RECORDINGS}/{channel}"))[:2] == (404, "no_such_recording")
        assert await client.ok("GET", RECORDINGS) == {"recordings": []}
        file.unlink()
        file.mkdir()
        assert (await client.refused("GET", f"{RECORDINGS}/{channel}"))[:2] == (404, "no_such_recording")
        file.rmdir()
        assert (await client.refused("GET", f"{RECORDINGS}/{channel}"))[:2] == (404, "no_such_recording")

    controlled(test, recordings=folder)
