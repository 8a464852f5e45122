"""``offhook conformance`` through its own door: tables, documents, exit codes, and one sentence for every mistake."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from offhook.cli.root import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ACME = """
from offhook.interfaces import AudioFrame
from offhook.errors import ConfigError, SourceError
from offhook.interfaces import AudioSource
from offhook.testing import FixedAuth, MemoryStore, ScriptedCarrier

class Source(AudioSource):
    def __init__(self, argument):
        if argument not in ("one", "two"):
            raise SourceError(f"{argument!r} is neither one nor two")
        self.left = 5

    async def read(self):
        self.left -= 1
        return AudioFrame(bytes(640), 16_000, 320 * (4 - self.left)) if self.left >= 0 else None

    async def aclose(self):
        self.left = 0

class Made:
    source = Source
    number = 3

class Broken(Source):
    taken = True

def auth(environment):
    return FixedAuth(x_key="a-key-of-some-length")

class Bound(FixedAuth):
    async def headers(self, host):
        if host != "api.acme.test":
            raise ConfigError(f"these keys are not for {host}")
        return await super().headers(host)

def bound(environment):
    return Bound(x_key="a-key-of-some-length")

def store(argument, environment):
    return MemoryStore()

def carrier(environment, auth):
    return ScriptedCarrier()

class Settled(ScriptedCarrier):
    def __init__(self, environment, auth):
        for name in ("ACME_URL", "ACME_LINE"):
            if name not in environment:
                raise ConfigError(f"set {name}")
        super().__init__(endpoint=environment["ACME_URL"], line=environment["ACME_LINE"])

def nothing(argument):
    return None

def fails(argument):
    raise RuntimeError("no device")
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with an unfinished plugin, as the current folder."""
    (tmp_path / "acme_thing.py").write_text(ACME)
    (tmp_path / "expected.toml").write_text('contract = 2\n[expected_failures]\nsink-1 = "x"\nsource-99 = "x"\n')
    (tmp_path / "acme_failing.py").write_text("import a_package_that_is_missing")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    for name in ("SENDBLUE_API_API_KEY", "SENDBLUE_API_API_SECRET"):
        monkeypatch.delenv(name, raising=False)
    yield tmp_path
    for name in ("acme_thing", "acme_failing"):
        sys.modules.pop(name, None)


def test_a_module_named_almost_like_a_source(folder: Path) -> None:
    (folder / "tones.py").write_text(ACME)
    try:
        assert run(["conformance", "source", "tones:Source", "--argument", "one", "--clause", "source-9"]) == 0
    finally:
        sys.modules.pop("tones")


def test_a_registered_spec(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["conformance", "source", "tone:440,0.1"]) == 0
    *table, summary = capsys.readouterr().out.splitlines()
    assert table[0] == "source-1       passed            read() returns AudioFrames of whole samples"
    assert summary == "source tone:440,0.1, contract 2: 13 passed, 0 failed, 0 not claimed, 0 expected failure"


@pytest.mark.parametrize(
    ("arguments", "counts"),
    [
        (["sink", "recorder:{folder}/heard.wav", "--clause", "sink-13"], "1 passed, 0 failed, 0 not claimed"),
        (["sink", "null", "--clause", "sink-1", "--clause", "sink-13"], "1 passed, 0 failed, 1 not claimed"),
        (["store", "jsonl:{folder}/x", "--clause", "store-6"], "1 passed, 0 failed, 0 not claimed"),
        (["resampler", "file", "--clause", "resampler-11"], "0 passed, 0 failed, 1 not claimed"),
        (["resampler", "live", "--clause", "resampler-11"], "1 passed, 0 failed, 0 not claimed"),
        (["filter", "gain:3", "--clause", "filter-1"], "1 passed, 0 failed, 0 not claimed"),
        (["carrier", "sendblue", "--clause", "carrier-2"], "1 passed, 0 failed, 0 not claimed"),
        (["source", "acme_thing:Source", "--argument", "one"], "13 passed, 0 failed, 0 not claimed"),
        (["source", "acme_thing:Made.source", "--argument", "one", "--clause", "source-1"], "1 passed, 0 failed"),
        (["auth", "acme_thing:auth", "--not-claimed", "settings"], "9 passed, 0 failed, 4 not claimed"),
        (
            ["auth", "acme_thing:bound", "--host", "api.acme.test", "--clause", "auth-1", "--clause", "auth-9"],
            "1 passed",
        ),
        (
            ["auth", "acme_thing:bound", "--host", "api.acme.test", "--foreign-host", "a.test", "--clause", "auth-9"],
            "1 passed",
        ),
        (["store", "acme_thing:store", "--clause", "store-6", "--clause", "store-1"], "1 passed, 0 failed, 1 not"),
    ],
)
def test_what_can_be_tested(arguments: list[str], counts: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["conformance", *arguments]) == 0
    assert counts in capsys.readouterr().out.splitlines()[-1]


SETTLED = ("conformance", "carrier", "acme_thing:Settled", "--far-end", "sendblue", "--clause", "carrier-6")


def test_a_carrier_has_the_settings_of_the_shell_and_those_of_its_far_end_by_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ACME_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("OFFHOOK_FROM_NUMBER", "the far end's setting replaces this")
    assert run([*SETTLED]) == 2
    error = capsys.readouterr().err
    assert (
        "cannot be made: set ACME_LINE (it is made with the settings of the shell and those of its far end: " in error
    )
    assert "OFFHOOK_FROM_NUMBER" in error
    assert "add others with --setting NAME=VALUE" in error
    assert run([*SETTLED, "--setting", "ACME_LINE={OFFHOOK_FROM_NUMBER}"]) == 0, "two far ends have two lines"
    assert run([*SETTLED, "--setting", "ACME_LINE=the same"]) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([*SETTLED[1:], "--setting", "ACME_LINE"], "--setting takes NAME=VALUE, got 'ACME_LINE'"),
        (
            [*SETTLED[1:], "--setting", "X={NOPE}"],
            "--setting X: the far end has no setting NOPE; it has: OFFHOOK_FROM_",
        ),
        (["source", "silence:1", "--setting", "X=1"], "--setting is for a carrier or a transport: 'silence:1' has the"),
    ],
)
def test_a_wrong_setting_is_one_sentence(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["conformance", *arguments]) == 2
    assert says in capsys.readouterr().err


def test_skipped_clauses_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--not-claimed", "settings", "--clause", "auth-5", "--clause", "auth-9"]
    assert run(["conformance", "auth", "acme_thing:auth", *asked]) == 0
    out = capsys.readouterr().out
    assert " skipped: no foreign host was given (foreign_host of the kit, --foreign-host)\n" in out
    assert " skipped: the kit does not know how to change the keys (" in out
    assert out.count("auth-9") == 1


def test_a_failure_exits_with_1_unless_it_is_expected(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = ["conformance", "source", "acme_thing:Broken", "--argument", "two"]
    assert run(broken) == 1
    assert "taken is True before it was played" in capsys.readouterr().out
    assert run([*broken, "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert not document["passed"]
    assert [item["id"] for item in document["clauses"] if item["verdict"] == "failed"] == ["source-9"]
    expected = folder / "expected.toml"
    expected.write_text('contract = 2\n[expected_failures]\nsource-9 = "it is a test"\n')
    assert run([*broken, "--expected", str(expected)]) == 0
    assert "1 expected failure" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["thing", "tone"], "'thing' plugins do not have a kit: give one of auth, carrier"),
        (
            ["source", "nope"],
            "no audio source is called 'nope' (installed: marker, silence, tone, wav), and 'nope' is not an import",
        ),
        (["source", "tome:440"], "no audio source is called 'tome'; did you mean tone?"),
        (["source", "nope.thing:Source"], "no audio source is called 'nope.thing' (installed:"),
        (
            ["source", "nope.thing:Source"],
            "and the module nope does not exist: run this in the folder that contains it",
        ),
        (["source", "acme_failing:Source"], "importing acme_failing failed: ModuleNotFoundError"),
        (["source", "acme_thing:Nope"], "acme_thing has no Nope: give the function, or the class"),
        (["source", "acme_thing:Made.number"], "acme_thing:Made.number is int: give the function"),
        (["source", "acme_thing:nothing"], "the factory returned NoneType, not an offhook.interfaces.AudioSource"),
        (["source", "acme_thing:fails"], "'acme_thing:fails' cannot be made: RuntimeError: no device"),
        (["source", "acme_thing:Source"], "cannot be made: '' is neither one nor two"),
        (["source", "wav:missing.wav"], "'wav:missing.wav' cannot be made: the audio file"),
        (["source", "silence", "--argument", "1"], "the argument of silence belongs in the spec: write silence:1"),
        (
            ["source", "silence", "--not-claimed", "flight"],
            "source plugins have no capability 'flight'; their capabilities are: arguments, end",
        ),
        (["source", "silence:1", "--clause", "sink-1"], "'sink-1' is not a clause for a source: give source-1 to"),
        (["source", "silence", "--expected", "missing.toml"], "missing.toml, cannot be read"),
        (["source", "silence", "--expected", "expected.toml"], "'source-99' is not a clause for a source"),
        (
            ["auth", "env"],
            "the auth 'env' cannot be made: SENDBLUE_API_API_KEY and SENDBLUE_API",
        ),
        (["auth", "env:x"], "auth env takes no argument: write just env"),
        (
            ["auth", "acme_thing:bound"],
            "not for api.example.com (requested the headers for api.example.com; give another host with --host HOST)",
        ),
        (["auth", "acme_thing:bound", "--host", "a.test"], "cannot be made: these keys are not for a.test\n"),
        (["source", "silence:1", "--foreign-host", "a.test"], "are for an auth, but 'silence:1' is a source"),
        (
            ["carrier", "acme_thing:carrier"],
            "and an import path does not name one: give --far-end NAME (for a carrier: sendblue), or write one",
        ),
        (
            ["transport", "acme_thing:fails"],
            "an import path does not name one: give --far-end NAME (for a transport: agora, aiortc, memory, pcm), or",
        ),
        (["carrier", "sendblue", "--far-end", "nope"], "no far end is called 'nope': give --far-end NAME (for a carr"),
        (
            ["carrier", "sendblue", "--far-end", "pcm"],
            "the far end 'pcm' cannot test a carrier: choose another with --far-end NAME (for a carrier: sendblue)",
        ),
    ],
)
def test_every_mistake_is_one_sentence(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["conformance", *arguments]) == 2
    out, err = capsys.readouterr()
    assert says in err
    assert out == ""
    assert len(err.splitlines()) == 1
