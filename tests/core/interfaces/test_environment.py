"""The settings of a phone: what stands around their values is noticed, and the values are not shown."""

from __future__ import annotations

import os
import traceback

import pytest

from offhook.errors import ConfigError
from offhook.interfaces.environment import Environment

SECRET = "sentinel-SECRET-1"


def test_it_is_a_mapping_of_the_settings() -> None:
    settings = {"OFFHOOK_STORE": "none", "ACME": " as it is "}
    environment = Environment(settings)
    assert dict(environment) == settings
    assert len(environment) == 2
    assert Environment(environment)["OFFHOOK_STORE"] == "none"
    assert "OFFHOOK_HOME" not in environment
    assert not Environment()


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("none\r", "a line break around it"),
        ("none\r\n", "a line break around it"),
        ("\nnone", "a line break around it"),
        (" none", "blanks around it"),
        ("none\t", "blanks around it"),
        ("none\u00a0", "blanks around it"),
        (" ", "blanks around it"),
        ("\ufeffnone", r"an invisible character \(\\ufeff\) around it"),
        ("none\u200b", r"an invisible character \(\\u200b\) around it"),
        ("\x1bnone", r"an invisible character \(\\x1b\) around it"),
        ('"none"', "quotes around it"),
        ("'none'", "quotes around it"),
        ("“none”", "quotes around it"),
        ('""', "quotes around it"),
    ],
)
def test_what_stands_around_a_value_is_refused_by_the_name_of_the_setting(value: str, says: str) -> None:
    for environment in (Environment({"OFFHOOK_STORE": value}), Environment(Environment({"OFFHOOK_STORE": value}))):
        for look_up in (environment.get, environment.__getitem__):
            with pytest.raises(ConfigError, match=f"the value of OFFHOOK_STORE has {says}"):
                look_up("OFFHOOK_STORE")
        assert environment.as_written("OFFHOOK_STORE") == value


@pytest.mark.parametrize("value", ["", '"', "it's", 'say "hello"', "a b", "'a' b", "caf\udce9", "a\ufeffb"])
def test_any_other_value_is_as_it_was_written(value: str) -> None:
    assert Environment({"OFFHOOK_STORE": value})["OFFHOOK_STORE"] == value


def test_neither_it_nor_a_traceback_shows_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFHOOK_KEY", SECRET)
    monkeypatch.setenv("ACME_KEY", SECRET)
    environment = Environment.of_process()
    assert environment["ACME_KEY"] == SECRET
    assert "OFFHOOK_KEY" in repr(environment)
    with pytest.raises(KeyError) as caught:
        environment["OFFHOOK_NOT_SET"]
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert SECRET not in shown
    assert all(
        value is not os.environ for frame, _ in traceback.walk_tb(caught.tb) for value in frame.f_locals.values()
    )
