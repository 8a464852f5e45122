"""The transport ``agora`` passes the conformance kit, over upstream's unmodified layer and the mock's library."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest

from offhook.interfaces import Environment
from offhook.plugin.manager import Plugins
from offhook.testing.conformance import TransportConformance
from offhook_mockserver.far_ends import AgoraFarEnd

if TYPE_CHECKING:
    from pathlib import Path

    from offhook.interfaces import Transport


class AgoraKit(TransportConformance):
    """In both ways of running the SDK."""

    # The SDK notices an outage after 2.5 s and tries again each second.
    outage_s = 4.0
    give_up_s = 12.0
    # Another clause talks for ten seconds.
    long_audio_s = 3.0
    token_life_s = 6.0
    examples = 2
    process: ClassVar[str]
    folder: ClassVar[str]

    @pytest.fixture(autouse=True)
    def _sdk(self, sdk_folder: Path) -> None:
        type(self).folder = str(sdk_folder)

    def make(self, environment: Environment) -> Transport:
        plugins = Plugins.load(())
        settings = {**environment, "OFFHOOK_AGORA_SDK": self.folder, "OFFHOOK_AGORA_PROCESS": self.process}
        named = Environment(settings, clock=environment.clock, ids=environment.ids)
        return plugins.make(plugins.transports, "agora", named)

    def make_far_end(self) -> AgoraFarEnd:
        return AgoraFarEnd()


class TestInAChild(AgoraKit):
    process = "child"


class TestInThisProcess(AgoraKit):
    process = "inline"

    @pytest.fixture(autouse=True)
    def _library(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The library reads the environment of its process, which is this one."""
        for name, value in AgoraFarEnd().environment.items():
            monkeypatch.setenv(name, value)
