"""``offhook plugins``: what is installed, from where, what is missing; for people and as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import offhook_jsonl
from offhook.cli.root import run
from offhook.plugin.manager import Plugins
from offhook_audio.silence import SilenceSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


@pytest.fixture(autouse=True)
def more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plugins that lack something, one that is disabled, and a disabled name that matches no plugin."""
    load = Plugins.load

    def with_missing_ones(*, commands: bool, builtin: Iterable[object]) -> Plugins:
        plugins = load(commands=commands, builtin=builtin)
        plugins.sources.plugin = "acme"
        plugins.sources.add(
            "voice", lambda argument: SilenceSource(), summary="a voice", extra="acme[voice]", needs=("no_such_sdk",)
        )
        plugins.sources.add("bare", lambda argument: SilenceSource(), needs=("no_such_sdk",))
        return plugins

    monkeypatch.setattr(Plugins, "load", with_missing_ones)
    monkeypatch.setenv("OFFHOOK_DISABLE_PLUGINS", "jsonl,jsonll")


def test_for_people(install: Callable[..., str], capsys: pytest.CaptureFixture[str]) -> None:
    module = install("odd", "offhook_acme = print")
    assert run(["plugins"]) == 0
    printed = capsys.readouterr().out
    assert "  aiortc       offhook 0.1.0: offhook_transport [offhook_aiortc /" in printed
    assert (
        "  jsonl        offhook 0.1.0: not loaded: OFFHOOK_DISABLE_PLUGINS names it "
        f"[offhook_jsonl {offhook_jsonl.__file__}]\n"
    ) in printed
    assert f"  odd          odd-offhook 1.0:  [{module} /" in printed
    assert "\n               offhook_acme is named like a hook, but offhook has no such hook\n" in printed
    assert "\n  OFFHOOK_DISABLE_PLUGINS names 'jsonll', but no plugin has that name; did you mean jsonl?\n" in printed
    assert 'voice        a voice [acme]  MISSING no_such_sdk: pip install "acme[voice]"' in printed
    assert "bare         - [acme]  MISSING no_such_sdk: the plugin does not declare a pip extra" in printed


def test_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plugins", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    (jsonl,) = (plugin for plugin in document["plugins"] if plugin["name"] == "jsonl")
    assert (jsonl["disabled"], jsonl["distribution"], jsonl["module"]) == (True, "offhook", "offhook_jsonl")
    assert jsonl["origin"] == offhook_jsonl.__file__
    assert len(document["notes"]) == 1
    (voice,) = (part for part in document["parts"] if part["name"] == "voice")
    assert voice == {
        "kind": "audio source",
        "name": "voice",
        "plugin": "acme",
        "summary": "a voice",
        "missing": ["no_such_sdk"],
        "extra": "acme[voice]",
    }
