"""The examples, run as a user runs them, against a mock server in another process."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import json
import re
import runpy
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import numpy as np
import pytest
import soundfile
import soxr
from starlette.requests import Request
from tests.core.rig import NUMBER, rig, run
from tests.integration.likeness import compare, load
from tests.patience import PATIENCE_S

from offhook import Secret, errors

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from tests.integration.conftest import Mock

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SPEECH = ROOT / "mockserver/offhook_mockserver/callees/clips"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "examples"
    shutil.copytree(ROOT / "examples", copy)
    return copy


def test_greet_and_record(mock: Mock, folder: Path) -> None:
    done = mock.run("greet_and_record.py", cwd=folder)
    assert done.out == "completed\n"
    compare(load(SPEECH / "reply.wav"), load(folder / "reply-1.wav")).assert_whole()
    mock.close()
    (heard,) = mock.recordings.glob("*.callee.wav")
    likeness = compare(load(folder / "greeting.wav"), load(heard))
    likeness.assert_whole()


def test_echo_bot(mock: Mock, folder: Path) -> None:
    done = mock.run("echo_bot.py", "+14155550101", cwd=folder)
    assert done.out.startswith("completed "), done.err
    mock.close()
    (heard,) = mock.recordings.glob("*.callee.wav")
    likeness = compare(load(SPEECH / "hello.wav"), load(heard))
    likeness.assert_whole()


def test_speech_bot_answers_and_stops_when_it_is_spoken_over(mock: Mock, folder: Path) -> None:
    done = mock.run("speech_bot.py", cwd=folder)
    said = done.out.splitlines()
    assert [line.split(" after")[0] for line in said] == [
        "answer 1",
        "spoken over",
        "answer 2",
        "completed",
    ], done.out + done.err
    cut_ms = float(said[1].split()[3])
    assert 500 < cut_ms < 2_000  # the callee speaks 0.8 s after it heard the bot begin
    mock.close()
    (heard,) = mock.recordings.glob("*.callee.wav")
    recording, greeting = load(heard), load(folder / "greeting.wav")
    whole = compare(greeting, recording)
    whole.assert_whole()  # the second answer, which nobody interrupted
    begun = compare(greeting[: int(cut_ms * 16) - 1_600], recording[: int(whole.lag_s * 16_000)])
    assert begun.correlation > 0.9, begun  # the first, up to where it was spoken over
    rest = compare(greeting[int(cut_ms * 16) + 1_600 :], recording[: int(whole.lag_s * 16_000)])
    assert rest.correlation < 0.5, rest  # and no further


def test_speech_agent_knows_how_much_of_its_answer_was_sent(mock: Mock, folder: Path) -> None:
    done = mock.run("speech_agent.py", cwd=folder)
    spoken_over, end = done.out.splitlines()
    assert end == "completed", done.err
    sent_ms = float(spoken_over.removeprefix("spoken over after ").removesuffix(" ms of the answer"))
    mock.close()
    (heard,) = mock.recordings.glob("*.callee.wav")
    samples = load(heard)
    blocks = np.abs(samples[: len(samples) // 160 * 160]).reshape(-1, 160)
    loud_ms = 10.0 * np.count_nonzero(blocks.max(axis=1) > 0.05)
    assert abs(loud_ms - (sent_ms + 3_000)) < 100, (
        "the callee heard that much of the first answer, and all of the second"
    )


def test_settings_in_code(mock: Mock, folder: Path) -> None:
    ready = mock.ready
    done = mock.run(
        "settings_in_code.py",
        *(ready["url"], ready["from_number"], ready["api_key"], ready["api_secret"]),
        cwd=folder,
        SENDBLUE_API_API_KEY="",
        SENDBLUE_API_API_SECRET="",
        SENDBLUE_API_BASE_URL="",
        OFFHOOK_FROM_NUMBER="",
    )
    assert "active    AudioHeard  the callee's first audio was heard" in done.out, done.err
    assert "<Disposition.COMPLETED: 'completed'>" in done.out
    samples, rate_hz = soundfile.read(str(folder / "both-sides-1.wav"), always_2d=True)
    assert (samples.shape[1], rate_hz) == (2, 24_000)
    callee = soxr.resample(samples[:, 1], 24_000, 16_000)
    compare(load(SPEECH / "hello.wav"), callee).assert_whole()


@pytest.mark.parametrize(
    ("number", "hours_from_utc", "said"),
    [
        ("+14155550101", 12, "completed"),
        ("+14155550101", 3, "o'clock where they live"),
        ("+14155550105", 12, "says 'this number is not on the list'"),
    ],
)
def test_careful_dialling(mock: Mock, folder: Path, number: str, hours_from_utc: int, said: str) -> None:
    """Run in the time zone where it is now the hour that is asked for."""
    zone = f"Etc/GMT{(datetime.datetime.now(datetime.UTC).hour - hours_from_utc + 12) % 24 - 12:+d}"
    done = mock.run("careful_dialling.py", number, zone, cwd=folder)
    assert said in done.out, done.err
    mock.close()
    assert bool(list(mock.recordings.glob("*.callee.wav"))) == (said == "completed")


TOKEN = "a-token-that-nobody-guesses"


@dataclass
class WebApp:
    """Where it is, with the token, and its process."""

    client: httpx.Client
    process: subprocess.Popen[str]


@contextlib.contextmanager
def web_app(mock: Mock, folder: Path) -> Iterator[WebApp]:
    """The app, until a signal ends it within the time that it promises."""
    process = mock.start("web_app.py", cwd=folder, WEB_APP_TOKEN=TOKEN, PORT="0")
    log = ""
    try:
        assert process.stderr is not None
        for line in process.stderr:
            log += line
            if found := re.search(r"running on (http://127\.0\.0\.1:[0-9]+)", line):
                with httpx.Client(base_url=found[1], headers={"authorization": f"Bearer {TOKEN}"}) as client:
                    yield WebApp(client, process)
                break
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=PATIENCE_S)
    assert "Application shutdown complete" in err, log + out + err
    assert "Traceback" not in log + out + err, log + out + err
    assert TOKEN not in log + out + err
    assert mock.ready["api_secret"] not in log + out + err


def told(response: httpx.Response) -> Iterator[tuple[str, dict[str, object]]]:
    """The events of a stream, as they come."""
    event = ""
    for line in response.iter_lines():
        name, _, value = line.partition(": ")
        if name == "event":
            event = value
        elif name == "data":
            yield event, json.loads(value)


def test_web_app_places_a_call_tells_of_it_and_hangs_up(mock: Mock, folder: Path) -> None:
    with web_app(mock, folder) as app:
        client = app.client
        placed = client.post("/calls", json={"to": "+14155550106"})
        assert placed.status_code == 202
        call = f"/calls/{placed.json()['call_id']}"
        again = client.post("/calls", json={"to": "+14155550106"})
        assert (again.status_code, again.json()["code"]) == (409, "double_dial")
        with client.stream("GET", f"{call}/events") as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            for _, entry in told(response):
                if entry.get("call") == "active":
                    break  # and this client goes away
        assert client.post(f"{call}/hang-up", json={}).status_code == 202
        with client.stream("GET", f"{call}/events") as response:
            whole = list(told(response))
        entries, (last, end) = [entry for _, entry in whole[:-1]], whole[-1]
        assert [entries[0]["event"], entries[-1]["call"]] == ["Dialed", "ended"]
        assert [entry["at_s"] for entry in entries] == sorted(entry["at_s"] for entry in entries)  # type: ignore[type-var]
        assert (last, end) == ("end", {"disposition": "completed", "dropped": 0})
        left_up = client.post("/calls", json={"to": "+14155550105"}).json()["call_id"]
        with client.stream("GET", f"/calls/{left_up}/events") as response:
            app.process.send_signal(signal.SIGTERM)
            (*_, (last, end)) = told(response)
        assert (last, end["disposition"]) == ("end", "canceled"), "whatever is up is hung up at the end"
    shown = mock.offhook("records", "show", left_up, "--json", cwd=folder)
    record = json.loads(shown.out)["record"]
    assert record["ended_by"] == "caller"
    assert not record.get("interrupted")


def test_web_app_rings_nobody_for_strangers_and_says_what_was_wrong(mock: Mock, folder: Path) -> None:
    with web_app(mock, folder) as app:
        client = app.client
        number = {"to": "+14155550101"}
        for header in ("", "Bearer", "Bearer another-token", f"Basic {TOKEN}"):
            assert client.post("/calls", json=number, headers={"authorization": header}).status_code == 401
        assert client.get("/calls/call_0/events", headers={"authorization": ""}).status_code == 401
        assert client.post("/calls", data=number).status_code == 415
        assert client.post("/calls", json={"to": "+1" + "0" * 500}).status_code == 413
        for body in ("", "[]", "{}", "nonsense", "\xff"):
            bad = client.post("/calls", content=body.encode("latin-1"), headers={"content-type": "application/json"})
            assert bad.status_code == 400, body
        emergency = client.post("/calls", json={"to": "+1911"})
        assert (emergency.status_code, emergency.json()["code"]) == (422, "number_rejected")
        assert client.post("/calls/call_0/hang-up", json={}).status_code == 404
    assert not list(mock.recordings.iterdir())


def test_web_app_has_a_status_for_whatever_stops_a_call(folder: Path) -> None:
    refused = runpy.run_path(str(folder / "web_app.py"))["refused"]
    request = Request({"type": "http", "headers": []})
    for error, status in (
        (errors.SpecError("x"), 422),
        (errors.TooManyCalls("x"), 409),
        (errors.CallStateError("x"), 409),
        (errors.StartAmbiguous("x"), 502),
        (errors.JoinTimeout("x"), 503),
        (errors.StorageError("x"), 507),
        (errors.PluginError("acme", "check", "x"), 500),
    ):
        response = refused(request, error)
        assert (response.status_code, json.loads(response.body)) == (
            status,
            {"code": error.code, "message": error.message},
        )


def test_web_app_keeps_no_more_than_it_says(folder: Path) -> None:
    """Calls that are over, and events that a client does not read; in virtual time, without a socket."""
    web_app = runpy.run_path(str(folder / "web_app.py"))

    async def main() -> None:
        made = rig()
        async with asyncio.TaskGroup() as tasks, made.phone:
            desk = web_app["Desk"](made.phone, tasks, Secret("x"))
            for _ in range(web_app["CALLS_KEPT"] + 5):
                call = await desk.place(NUMBER)
                await call.hang_up()
            call = await desk.place(NUMBER)
            assert len(desk.calls) == web_app["CALLS_KEPT"] + 1
            events = web_app["told"](call)
            await anext(events)
            for _ in range(300):
                made.callee.join()
                made.callee.leave()
            await call.hang_up()
            *_, last = [event async for event in events]
        end = json.loads(last.partition("data: ")[2])
        assert end["dropped"] > 300

    run(main())
