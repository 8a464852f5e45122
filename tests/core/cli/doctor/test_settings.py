"""Settings as they are written: misspelt names, what stands around values, relative paths, no home folder."""

from __future__ import annotations

import pwd
from typing import TYPE_CHECKING

import pytest

from offhook.cli.doctor.settings import KNOWN, home_findings, meant_by, settings_findings
from offhook.interfaces.diagnosis import Level
from offhook.interfaces.environment import Environment

if TYPE_CHECKING:
    from pathlib import Path


def settings(**values: str) -> list[tuple[Level, str]]:
    return [(finding.level, finding.text) for finding in settings_findings(Environment(values))]


def home(**values: str) -> list[tuple[Level, str, str]]:
    return [(finding.level, finding.subject, finding.text) for finding in home_findings(Environment(values))]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("OFFHOOK_STOR", "OFFHOOK_STORE"),
        ("OFFHOOK_STORES", "OFFHOOK_STORE"),
        ("OFFHOOK_FROM", "OFFHOOK_FROM_NUMBER"),
        ("OFFHOOK_FROMNUMBER", "OFFHOOK_FROM_NUMBER"),
        ("OFFHOOK_DISABLE_PLUGIN", "OFFHOOK_DISABLE_PLUGINS"),
        ("OFFHOOK_RELAY", "OFFHOOK_RELAY_URL"),
        ("offhook_store", "OFFHOOK_STORE"),
        ("OFHOOK_STORE", "OFFHOOK_STORE"),
        ("OFF_HOOK_HOME", "OFFHOOK_HOME"),
        ("OFFHOOKHOME", "OFFHOOK_HOME"),
        ("SENDBLUE_API_KEY", "SENDBLUE_API_API_KEY"),
        ("SENDBLUE_API_SECRET", "SENDBLUE_API_API_SECRET"),
        ("SENDBLUE_BASE_URL", "SENDBLUE_API_BASE_URL"),
        ("SENDBLUE_API_API_SECRET_KEY", "SENDBLUE_API_API_SECRET"),
        ("SENDBLU_API_API_KEY", "SENDBLUE_API_API_KEY"),
    ],
)
def test_a_misspelt_setting_is_wrong_and_the_right_one_is_named(name: str, meant: str) -> None:
    text = f"{name} is not a setting and has no effect; did you mean {meant}?"
    assert (Level.WRONG, text) in settings(**{name: "x-4711"})


@pytest.mark.parametrize(
    "name", [*KNOWN, "HOME", "PATH", "ACME_STORE", "SENDBLUE_API_BASE", "SENDBLUE_API_LOG", "STORE"]
)
def test_other_names_are_left_alone(name: str) -> None:
    assert meant_by(name) == ""
    assert [level for level, _ in settings(**{name: "x"})] == [Level.FINE]


def test_a_name_like_none_may_be_that_of_a_plugin() -> None:
    assert settings(OFFHOOK_XYZ_QQ="x")[1:] == [
        (Level.NOTE, "OFFHOOK_XYZ_QQ is not a setting of offhook's own; a plugin may read it")
    ]


def test_what_stands_around_a_value_is_wrong() -> None:
    assert (
        Level.WRONG,
        "the value of OFFHOOK_STORE has a line break around it: remove what is around it where OFFHOOK_STORE is set",
    ) in settings(OFFHOOK_STORE="none\r")


def test_a_relative_home_is_wrong_unless_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ((level, _, text),) = home(OFFHOOK_HOME="calls")
    assert level is Level.WRONG
    assert text.startswith("OFFHOOK_HOME is a relative path, so each folder that offhook is run in has other records")
    assert home(OFFHOOK_HOME="calls", OFFHOOK_STORE="none")[0][0] is Level.NOTE
    monkeypatch.setenv("HOME", str(tmp_path))
    assert home(OFFHOOK_HOME="~/calls") == [(Level.FINE, "home", f"{tmp_path}/calls can be written")]
    for spec in ("sqlite:calls.db", "jsonl:calls"):
        _, (level, subject, text) = home(OFFHOOK_HOME=str(tmp_path), OFFHOOK_STORE=spec)
        assert (level, subject) == (Level.NOTE, "store")
        assert "OFFHOOK_STORE has a relative path" in text
    for spec in ("sqlite", "sqlite:/calls.db", "jsonl:~/calls"):
        assert len(home(OFFHOOK_HOME=str(tmp_path), OFFHOOK_STORE=spec)) == 1


def test_no_home_folder_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_entry(uid: int) -> None:
        raise KeyError(uid)

    with monkeypatch.context() as patch:
        for name in ("OFFHOOK_HOME", "HOME", "XDG_DATA_HOME"):
            patch.delenv(name, raising=False)
        patch.setattr(pwd, "getpwuid", no_entry)
        ((level, _, text),) = home()
        ((without, _, _),) = home(OFFHOOK_STORE="none")
    assert (level, without) == (Level.WRONG, Level.NOTE)
    assert "no home folder is known: set HOME to an absolute path, or set OFFHOOK_HOME" in text
