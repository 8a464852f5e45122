"""Programs on Agora's SDK, over upstream's own files in three versions, are heard by callees and hear them."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from tests.agora.sdk_programs import CLIPS, HERE, assert_heard, environment, run, start_call
from tests.integration.likeness import compare, load

if TYPE_CHECKING:
    from pathlib import Path

    from tests.agora.conftest import SdkFolders
    from tests.integration.conftest import Mock
    from tests.integration.likeness import Samples

VERSIONS = ("2.4.10", "2.4.9", "2.3.4")
SILENT, HELLO, TALKS_OVER, REPLIES = "+14155550106", "+14155550101", "+14155550108", "+14155550123"
GREETING = CLIPS / "greeting.wav"


@pytest.fixture(params=VERSIONS)
def folder(request: pytest.FixtureRequest, sdk_folders: SdkFolders) -> Path:
    return sdk_folders(request.param)


def heard_by_callees(mock: Mock) -> dict[str, Samples]:
    """What each callee heard, by channel; the mock has ended."""
    mock.close()
    return {path.name.removesuffix(".callee.wav"): load(path) for path in mock.recordings.glob("*.callee.wav")}


def test_a_callee_hears_all_of_what_a_program_sends(mock: Mock, folder: Path) -> None:
    grant = start_call(mock, SILENT)
    ended = run(mock, folder, "pcm_send", GREETING, grant=grant)
    ended.assert_well()
    said = ended.out.splitlines()
    assert said[0] == f"connected {grant['agora']['channelName']} 3 1"
    assert {"published", "done"} <= set(said)
    assert "disconnected 1 5" in said
    (heard,) = heard_by_callees(mock).values()
    compare(load(GREETING), heard).assert_whole()


@pytest.mark.parametrize(("rate", "channels"), [(48_000, 2), (8_000, 1), (24_000, 1)])
def test_a_program_hears_all_of_what_a_callee_says(
    mock: Mock, sdk_folder: Path, tmp_path: Path, rate: int, channels: int
) -> None:
    ended = run(mock, sdk_folder, "pcm_receive", tmp_path / "heard.wav", rate, channels, grant=start_call(mock, HELLO))
    ended.assert_well()
    assert ended.out.splitlines()[-1] == f"shapes [({rate}, {channels}, {rate // 100}, 2)]"
    assert {"connected 3 1", "subscribed", "left 0", "disconnected 1 5"} <= set(ended.out.splitlines())
    assert_heard(load(tmp_path / "heard.wav"), "hello")


def test_a_program_hears_a_callee_over_each_version(mock: Mock, folder: Path, tmp_path: Path) -> None:
    ended = run(mock, folder, "pcm_receive", tmp_path / "heard.wav", 16_000, 1, grant=start_call(mock, HELLO))
    ended.assert_well()
    assert_heard(load(tmp_path / "heard.wav"), "hello")


def test_both_talk_at_the_same_time(mock: Mock, folder: Path, tmp_path: Path) -> None:
    ended = run(mock, folder, "both", GREETING, tmp_path / "heard.wav", 6, grant=start_call(mock, TALKS_OVER))
    ended.assert_well()
    assert "pushed 0" in ended.out
    assert_heard(load(tmp_path / "heard.wav"), "hello", "reply")
    (heard,) = heard_by_callees(mock).values()
    compare(load(GREETING), heard).assert_whole()


def test_two_calls_in_one_process_do_not_mix(mock: Mock, folder: Path, tmp_path: Path) -> None:
    grants = [start_call(mock, TALKS_OVER), start_call(mock, REPLIES)]
    paths = [tmp_path / "a.wav", tmp_path / "b.wav"]
    run(mock, folder, "two_connections", GREETING, *paths, grant=grants).assert_well()
    heard = heard_by_callees(mock)
    forwards = load(GREETING)
    backwards = np.flip(forwards)
    by_callees = [heard[grant["agora"]["channelName"]] for grant in grants]
    for words, other, recording in zip((forwards, backwards), (backwards, forwards), by_callees, strict=True):
        compare(words, recording).assert_whole()
        assert compare(other, recording).correlation < 0.5
    assert_heard(load(paths[0]), "hello", "reply")
    assert_heard(load(paths[1]), "reply")
    assert compare(load(CLIPS / "hello.wav"), load(paths[1])).correlation < 0.5


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_example_with_a_grant_from_curl(mock: Mock, sdk_folder: Path, tmp_path: Path) -> None:
    examples = HERE.parents[1] / "examples"
    line = (
        'curl -s "$SENDBLUE_API_BASE_URL/facetime/start-call" -H "Content-Type: application/json" '
        '-H "sb-api-key-id: $SENDBLUE_API_API_KEY" -H "sb-api-secret-key: $SENDBLUE_API_API_SECRET" '
        """-d "{\\"phoneNumber\\": \\"+14155550123\\", \\"fromNumber\\": \\"$OFFHOOK_FROM_NUMBER\\"}" """
        f'| python3 "{examples / "agora_sdk_bot.py"}" "{examples / "greeting.wav"}" heard.wav'
    )
    settings = {name: value for name, value in mock.environment.items() if name.startswith(("SENDBLUE", "OFFHOOK"))}
    done = subprocess.run(
        ["sh", "-c", line],
        cwd=tmp_path,
        env={**environment(None, sdk_folder), **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done
    (heard,) = heard_by_callees(mock).values()
    compare(load(examples / "greeting.wav"), heard).assert_whole()
    compare(load(CLIPS / "reply.wav"), load(tmp_path / "heard.wav")).assert_whole()
    assert soundfile.info(str(tmp_path / "heard.wav")).samplerate == 16_000
