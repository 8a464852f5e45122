"""The transport ``memory`` does what the conformance kit for transports asks, on virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook.plugin.manager import Plugins
from offhook.testing.conformance import TransportConformance
from offhook_mockserver.far_ends.memory import MemoryFarEnd

if TYPE_CHECKING:
    from offhook.interfaces import Transport
    from offhook.interfaces.environment import Environment


class TestMemoryTransport(TransportConformance):
    def make(self, environment: Environment) -> Transport:
        plugins = Plugins.load(self.far_end.plugins)
        return plugins.make(plugins.transports, "memory", environment)

    def make_far_end(self) -> MemoryFarEnd:
        return MemoryFarEnd()
