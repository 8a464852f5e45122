"""Configurations and numbers, as far as they are used."""

from __future__ import annotations

import types
from enum import IntEnum


class AudioScenarioType(IntEnum):
    DEFAULT = 0
    CHORUS = 7
    AI_SERVER = 9


class _Config(types.SimpleNamespace):
    pass


class AgoraServiceConfig(_Config):
    pass


class AudioSubscriptionOptions(_Config):
    pass


class RTCConnConfig(_Config):
    pass


class RtcConnectionPublishConfig(_Config):
    pass
