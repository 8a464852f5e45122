"""`offhook mock` in one terminal and `offhook call` in another: the speech arrives, all of it, without a gap."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile
import soxr
from tests.integration.likeness import Samples, compare, load

if TYPE_CHECKING:
    from tests.integration.conftest import Mock

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SPEECH = ROOT / "mockserver/offhook_mockserver/callees/clips"
ANSWERS = "+14155550123"


def write(path: Path, samples: Samples, rate_hz: int, channels: int) -> None:
    """The same speech in another format."""
    converted = soxr.resample(samples, 16_000, rate_hz, "HQ")
    soundfile.write(str(path), np.column_stack([converted] * channels), rate_hz, subtype="PCM_16")


def undisturbed_call(mock: Mock, folder: Path, *arguments: str) -> tuple[Path, dict[str, Any]]:
    """Place a call in a folder of its own. One in which the caller's loop was held up for more than 200 ms is void: the
    machine was busy elsewhere. It is repeated, at most twice, and counted."""
    for attempt in range(3):
        here = folder / f"attempt-{attempt}"
        here.mkdir()
        done = mock.offhook("call", ANSWERS, *arguments, "--out", "o", "--json", cwd=here)
        assert done.code == 0, done.err
        document = json.loads(done.out)
        if document["counters"]["frames_skipped"] == 0:
            return here, document
        print(f"void: {document['counters']['frames_skipped']} frames were never due in time")
    pytest.fail("three calls in a row were void: this machine is too busy for real-time audio")


@pytest.mark.parametrize(("rate_hz", "channels"), [(16_000, 1), (44_100, 2), (8_000, 1)])
def test_speech_of_ones_own_arrives_whole(mock: Mock, tmp_path: Path, rate_hz: int, channels: int) -> None:
    write(tmp_path / "mine.wav", load(SPEECH / "greeting.wav"), rate_hz, channels)
    say, listen = f"wav:{tmp_path / 'mine.wav'}", "recorder:heard.wav"
    here, document = undisturbed_call(mock, tmp_path, "--say", say, "--listen", listen)
    assert (document["disposition"], document["ended_by"]) == ("completed", "caller")
    mock.close()

    played = load(tmp_path / "mine.wav")
    callee_heard = mock.recordings / f"{document['channel']}.callee.wav"
    there = compare(played, load(callee_heard))
    assert there.correlation > 0.95, there
    assert there.speech_ms > 1_500
    assert there.missing_ms == 0, there

    back = compare(load(SPEECH / "reply.wav"), load(here / "heard.wav"))
    assert back.correlation > 0.95, back
    assert back.missing_ms == 0, back
    assert back.lag_s > there.lag_s

    mix, rate = soundfile.read(str(here / "o/mix.wav"), always_2d=True)
    assert (mix.shape[1], rate) == (2, 16_000)
    assert compare(played, np.asarray(mix[:, 0])).correlation > 0.99
    assert compare(load(SPEECH / "reply.wav"), np.asarray(mix[:, 1])).correlation > 0.95
    assert document["counters"]["frames_concealed"] == 0
    assert document["counters"]["playout_underruns"] == 0
    assert set(document["files"].values()) == {"mix.wav", "caller-heard.wav"}
    for name in document["files"].values():
        assert (here / "o" / name).is_file()


def test_the_timeline_says_what_each_state_rests_on(mock: Mock, tmp_path: Path) -> None:
    done = mock.offhook("call", ANSWERS, "--for", "0.5", "--out", "o", "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    document = json.loads(done.out)
    steps = [(entry["call"], entry["evidence"], entry["grade"]) for entry in document["timeline"] if entry["changed"]]
    assert steps[:4] == [
        ("dialing", "request", "observed"),
        ("dialing", "accepted", "observed"),
        ("ringing", "leg_joined", "assumed"),
        ("active", "callee_published", "documented"),
    ]
    journal = [json.loads(line) for line in (tmp_path / "o/journal.jsonl").read_text().splitlines()]
    assert [entry["event"] for entry in journal] == [entry["event"] for entry in document["timeline"]]
    everything = done.out + (tmp_path / "o/journal.jsonl").read_text() + (tmp_path / "o/record.json").read_text()
    assert "007eJ" not in everything
    assert ANSWERS not in everything
