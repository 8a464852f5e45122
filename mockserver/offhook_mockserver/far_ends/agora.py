"""The far end of the transport ``agora``, for conformance kits: the PCM door, at which the mock's SDK joins.

The SDK itself is not part of it: `OFFHOOK_AGORA_SDK` names a folder that `offhook mock agora-sdk` has made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.interfaces import Environment
from offhook_mockserver.far_ends.pcm import PcmFarEnd

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The SDK notices a lost connection after this time instead of its usual 4 s, so that a kit's outages can be short. The
#: door sends something every 2 s.
_INTERRUPTED_MS: Final = "2500"


class AgoraFarEnd(PcmFarEnd):
    """The PCM door, and the wire to it."""

    not_claimed: Mapping[str, str] = {
        "giving up": "the call decides how long to try (CallPolicy.grace_s): the leg tries until it leaves",
    }

    @property
    def environment(self) -> Environment:
        settings = {"OFFHOOK_AGORA_INTERRUPTED_MS": _INTERRUPTED_MS}
        return Environment(settings, clock=self.clock, ids=self.ids)
