"""The examples, run as a user runs them, against a mock server in another process."""

from __future__ import annotations

import datetime
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import soundfile
import soxr
from tests.integration.likeness import compare, load

if TYPE_CHECKING:
    from tests.integration.conftest import Mock

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SPEECH = ROOT / "mockserver/offhook_mockserver/speech"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "examples"
    shutil.copytree(ROOT / "examples", copy)
    return copy


def test_greet_and_record(mock: Mock, folder: Path) -> None:
    done = mock.run("greet_and_record.py", cwd=folder)
    assert done.out == "completed\n"
    assert compare(load(SPEECH / "reply.wav"), load(folder / "reply-1.wav")).correlation > 0.9
    mock.close()
    (heard,) = mock.recordings.glob("*.callee.wav")
    likeness = compare(load(folder / "greeting.wav"), load(heard))
    assert likeness.correlation > 0.9
    assert likeness.missing_ms == 0


def test_echo_bot(mock: Mock, folder: Path) -> None:
    done = mock.run("echo_bot.py", "+14155550101", cwd=folder)
    assert done.out.startswith("completed "), done.err
    mock.close()
    (heard,) = mock.recordings.glob("*.callee.wav")
    likeness = compare(load(SPEECH / "hello.wav"), load(heard))
    assert likeness.correlation > 0.9, likeness
    assert likeness.missing_ms == 0


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
    assert whole.correlation > 0.9, whole  # the second answer, which nobody interrupted
    assert whole.missing_ms == 0
    begun = compare(greeting[: int(cut_ms * 16) - 1_600], recording[: int(whole.lag_s * 16_000)])
    assert begun.correlation > 0.9, begun  # the first, up to where it was spoken over
    rest = compare(greeting[int(cut_ms * 16) + 1_600 :], recording[: int(whole.lag_s * 16_000)])
    assert rest.correlation < 0.5, rest  # and no further


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
    assert compare(load(SPEECH / "hello.wav"), callee).correlation > 0.9


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
