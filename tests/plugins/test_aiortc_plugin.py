"""How the plugin is found, and that finding it imports no SDK."""

from __future__ import annotations

import subprocess
import sys

import pytest

import offhook_aiortc
from offhook.errors import MissingExtraError
from offhook.interfaces import Transport
from offhook.interfaces.environment import Environment
from offhook.plugin.registry import TransportRegistry


def test_the_transport_is_registered_and_made_lazily() -> None:
    registry = TransportRegistry("transport", "offhook_transport")
    offhook_aiortc.offhook_transport(registry)
    (registration,) = registry
    assert registration.name == "aiortc"
    assert registration.summary
    assert isinstance(registry.find("aiortc")(Environment()), Transport)


def test_a_missing_package_is_named_by_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("offhook.plugin.registry.is_installed", lambda name: False)
    registry = TransportRegistry("transport", "offhook_transport")
    offhook_aiortc.offhook_transport(registry)
    with pytest.raises(MissingExtraError, match=r"offhook\[aiortc\]"):
        registry.find("aiortc")


def test_loading_the_plugin_imports_no_sdk() -> None:
    code = (
        f"import sys; sys.path[:0] = {sys.path!r}; import offhook_aiortc;"
        " print([n for n in ('aiortc', 'av', 'websockets', 'httpx', 'offhook_wire') if n in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
