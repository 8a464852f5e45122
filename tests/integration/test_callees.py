"""The callees that can be chosen by number, seen from the caller's side."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.integration.conftest import Mock
from tests.integration.likeness import Likeness, compare, load

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SPEECH = ROOT / "mockserver/offhook_mockserver/callees/clips"


@pytest.fixture(scope="module")
def busy_mock(tmp_path_factory: pytest.TempPathFactory) -> Mock:
    """One server for all of this module's calls."""
    return Mock(tmp_path_factory.mktemp("recordings"))


@pytest.fixture(scope="module", autouse=True)
def finished(busy_mock: Mock) -> object:
    yield
    busy_mock.finish()


@pytest.mark.parametrize(
    ("number", "arguments", "code", "disposition", "ended_by"),
    [
        ("+14155550101", (), 0, "completed", "callee"),
        ("+14155550102", ("--ring-timeout", "1"), 3, "no_answer", "timer"),
        ("+14155550103", ("--ring-timeout", "2.5"), 3, "no_answer", "timer"),
        ("+14155550104", (), 1, "failed", "network"),
        ("+14155550107", ("--say", "tone:440"), 0, "completed", "callee"),
    ],
)
def test_how_it_ends(
    busy_mock: Mock, tmp_path: Path, number: str, arguments: tuple[str, ...], code: int, disposition: str, ended_by: str
) -> None:
    done = busy_mock.offhook("call", number, *arguments, "--json", "--out", "o", cwd=tmp_path)
    assert done.code == code, done.err
    document = json.loads(done.out)
    assert (document["disposition"], document["ended_by"]) == (disposition, ended_by)
    assert (document["answered_at_s"] is None) == (disposition == "no_answer")
    for name in document["files"].values():
        load(tmp_path / "o" / name)


def test_one_who_drops_in_mid_sentence_was_heard_until_then(busy_mock: Mock, tmp_path: Path) -> None:
    done = busy_mock.offhook("call", "+14155550104", "--out", "o", cwd=tmp_path)
    assert done.code == 1
    assert "the callee vanished from the channel" in done.out
    heard = load(tmp_path / "o/caller-heard.wav")
    sentence = load(SPEECH / "reply.wav")[: 16_000 * 11 // 10]
    assert compare(sentence, heard).correlation > 0.9


def test_an_echo_comes_back(busy_mock: Mock, tmp_path: Path) -> None:
    echo: Likeness | None = None
    for out in ("o-1", "o-2", "o-3"):  # the echo goes through three clocks; a machine that was busy elsewhere cuts it
        done = busy_mock.offhook(
            "call", "+14155550105", "--say", f"wav:{SPEECH / 'greeting.wav'}", "--out", out, cwd=tmp_path
        )
        assert done.code == 0, done.err
        echo = compare(load(SPEECH / "greeting.wav"), load(tmp_path / out / "caller-heard.wav"))
        if echo.correlation > 0.9 and echo.missing_ms == 0:
            return
        print(f"void: {echo}")
    assert echo is not None
    echo.assert_whole()
