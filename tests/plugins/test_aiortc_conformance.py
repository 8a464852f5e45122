"""The transport ``aiortc`` does what the conformance kit for transports asks, on real sockets in real time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from offhook.plugin.manager import Plugins
from offhook.testing.conformance import TransportConformance
from offhook_mockserver.far_ends.webrtc import RelayFarEnd

if TYPE_CHECKING:
    from offhook.interfaces import Transport
    from offhook.interfaces.environment import Environment


@pytest.mark.slow
class TestAiortcTransport(TransportConformance):
    # Another clause talks for ten seconds.
    long_audio_s = 3.0
    token_life_s = 3.0
    examples = 2
    rest_s = 0.1

    def make(self, environment: Environment) -> Transport:
        plugins = Plugins.load(self.far_end.plugins)
        return plugins.make(plugins.transports, "aiortc", environment)

    def make_far_end(self) -> RelayFarEnd:
        return RelayFarEnd()
