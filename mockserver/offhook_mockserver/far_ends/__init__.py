"""The other side, for conformance kits and tests.

Its names are imported on first use, so that each needs only its own libraries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook_mockserver.extra import lazy_name as _lazy_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook_mockserver.far_ends.agora import AgoraFarEnd
    from offhook_mockserver.far_ends.memory import MemoryFarEnd
    from offhook_mockserver.far_ends.pcm import PcmFarEnd
    from offhook_mockserver.far_ends.sendblue import SendblueFarEnd
    from offhook_mockserver.far_ends.webrtc import RelayFarEnd
    from offhook_mockserver.server.renewal import RenewsGrants

__all__ = ["AgoraFarEnd", "MemoryFarEnd", "PcmFarEnd", "RelayFarEnd", "RenewsGrants", "SendblueFarEnd"]

_HOMES: Final[Mapping[str, str]] = {
    "AgoraFarEnd": "offhook_mockserver.far_ends.agora",
    "MemoryFarEnd": "offhook_mockserver.far_ends.memory",
    "PcmFarEnd": "offhook_mockserver.far_ends.pcm",
    "RenewsGrants": "offhook_mockserver.server.renewal",
    "SendblueFarEnd": "offhook_mockserver.far_ends.sendblue",
    "RelayFarEnd": "offhook_mockserver.far_ends.webrtc",
}


def __getattr__(name: str) -> object:
    return _lazy_name(__name__, name, _HOMES)
