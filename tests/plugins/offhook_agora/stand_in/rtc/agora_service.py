"""The service."""

from __future__ import annotations

from typing import Any

from . import agora_lib
from .rtc_connection import RTCConnection


class AgoraService:
    def __init__(self) -> None:
        self.inited = False

    def initialize(self, config: Any) -> int:
        agora_lib.call("initialize")
        self.inited = config.appid != agora_lib.refused_app_id
        return 0  # upstream's, too, whatever happened

    def create_rtc_connection(self, config: Any, publish_config: Any) -> RTCConnection | None:
        agora_lib.call("create_rtc_connection")
        return None if "create_rtc_connection" in agora_lib.results else RTCConnection(config, publish_config)

    def release(self) -> None:
        agora_lib.call("service.release")
        self.inited = False
