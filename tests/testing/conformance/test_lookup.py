"""Looking up kits by name, with a far end that brings along the plugin that leads to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.core.rig import ALONE

from offhook.errors import ConfigError
from offhook.plugin.hookspecs import hookimpl
from offhook.plugin.manager import Plugins
from offhook.testing import ScriptedService
from offhook.testing.conformance import run_kit
from offhook.testing.conformance.lookup import Wanted, find_kit

if TYPE_CHECKING:
    from offhook.plugin.registry import CarrierRegistry, FarEndRegistry


class Led(ScriptedService):
    """A far end that is a plugin too; its carrier leads to it."""

    def __init__(self) -> None:
        super().__init__()
        self.plugins = (self,)

    @hookimpl
    def offhook_carrier(self, registry: CarrierRegistry) -> None:
        registry.add("acme", lambda environment, auth: self.carrier(environment))


class Acme:
    """A plugin whose far end brings along the carrier that leads there."""

    @hookimpl
    def offhook_far_end(self, registry: FarEndRegistry) -> None:
        registry.add("acme", Led)
        registry.add("other", ScriptedService)


def test_a_far_end_may_bring_along_its_plugin() -> None:
    plugins = Plugins.load([Acme()], ALONE)
    kit = find_kit(Wanted(kind="carrier", what="acme"), plugins, {})
    assert run_kit(kit, only=["carrier-2", "carrier-19"]).passed
    with pytest.raises(ConfigError, match=r"^no carrier is called 'acme' "):
        find_kit(Wanted(kind="carrier", what="acme", far_end="other"), plugins, {})
