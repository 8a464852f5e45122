"""The same seed makes the same call, byte for byte: journal, stereo recording, and what the callee heard."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import wave
from pathlib import Path

import pytest
from tests.mockserver.scripted_call import CUT_S, RINGING_S, TALK_S, artefacts, talk
from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_seed_determines_every_byte_of_a_call(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("first", "second", "third")]
    for folder in folders:
        talk("seed 1", folder)
    first, second, third = (artefacts(folder) for folder in folders)
    assert {name: first[name] == second[name] == third[name] for name in first} == dict.fromkeys(first, True)

    elsewhere = tmp_path / "another process"
    environment = {**os.environ, "PYTHONHASHSEED": "4711", "PYTHONSAFEPATH": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.mockserver.scripted_call", "seed 1", str(elsewhere)]
    subprocess.run(command, env=environment, check=True, timeout=PATIENCE_S)
    assert {name: first[name] == data for name, data in artefacts(elsewhere).items()} == dict.fromkeys(first, True)

    talk("seed 2", tmp_path / "other")
    assert {name: first[name] != data for name, data in artefacts(tmp_path / "other").items()} == dict.fromkeys(
        first, True
    )


@pytest.mark.fault("F15")
@pytest.mark.fault("F23")
def test_the_call_is_the_one_that_was_scripted(tmp_path: Path) -> None:
    record = talk("seed 1", tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "journal.jsonl").read_text(encoding="utf-8").splitlines()]
    events = [line["event"] for line in lines]
    assert events.count("LegDisconnected") == events.count("LegReconnected") == 1
    assert events.count("GrantExpiring") >= 1
    assert events.count("GrantRenewed") >= 1
    assert record.disposition == "completed"
    assert record.answered_at_s == RINGING_S
    counters = record.counters
    in_cut = CUT_S * 50
    assert counters["frames_sent"] == pytest.approx(TALK_S * 50 - in_cut, abs=3), "nothing passes a cut"
    assert 5 < counters["frames_lost_sent"] < 60, "about one frame in a hundred"
    assert in_cut + 5 < counters["frames_lost_heard"] < in_cut + 60
    with wave.open(str(tmp_path / "both.wav")) as both:
        assert both.getnframes() / both.getframerate() == pytest.approx(RINGING_S + TALK_S, abs=0.1)
    (callee,) = tmp_path.glob("*.callee.wav")
    with wave.open(str(callee)) as heard:
        assert heard.getnframes() / heard.getframerate() == pytest.approx(TALK_S, abs=0.1)
