"""A connection of which tests make the events."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from . import agora_lib


class LocalUser:
    audio_frame_observer: Any = None
    user_observer_inner: Any = None

    def set_playback_audio_frame_before_mixing_parameters(self, channels: int, rate_hz: int) -> int:
        return agora_lib.call("set_playback_audio_frame_before_mixing_parameters")


class RTCConnection:
    conn_handle: int | None = 1

    def __init__(self, config: Any, publish_config: Any) -> None:
        self.config, self.publish_config = config, publish_config
        self.user: LocalUser | None = LocalUser()
        self.observer: Any = None
        self.con_observer_handle: Any = None
        self.token = ""
        self.uid = ""
        self.pushed: list[tuple[bytes, int]] = []
        self.up = False
        self.confirms = True
        agora_lib.connections.append(self)

    def get_local_user(self) -> LocalUser | None:
        return self.user

    def register_observer(self, observer: Any) -> int:
        self.observer = self.con_observer_handle = observer
        return agora_lib.call("register_observer")

    def register_local_user_observer(self, observer: Any) -> int:
        assert self.user is not None
        self.user.user_observer_inner = observer
        return agora_lib.call("register_local_user_observer")

    def register_audio_frame_observer(self, observer: Any, vad: int, vad_config: None) -> int:
        assert self.user is not None
        self.user.audio_frame_observer = observer
        return agora_lib.call("register_audio_frame_observer")

    def connect(self, token: str, channel: str, uid: str) -> int:
        self.token, self.uid = token, uid
        return agora_lib.call("connect")

    def publish_audio(self) -> int:
        return agora_lib.call("publish_audio")

    def push_audio_pcm_data(self, data: bytearray, rate_hz: int, channels: int) -> int:
        if type(data) is not bytearray:
            raise TypeError("underlying buffer is not writable")
        if len(data) % (rate_hz / 1000 * 2 * channels):
            return -1002
        self.pushed.append((bytes(data), rate_hz))
        return agora_lib.call("push_audio_pcm_data")

    def interrupt_audio(self) -> int:
        agora_lib.call("interrupt_audio")
        return -1000

    def renew_token(self, token: str) -> int:
        self.token = token
        return agora_lib.call("renew_token")

    def disconnect(self) -> int:
        result = agora_lib.call("disconnect")
        if self.up and self.confirms:
            self.observer.on_disconnected(self, self.info(1), 5)
        return result

    def release(self) -> None:
        agora_lib.call("release")

    def info(self, state: int) -> SimpleNamespace:
        return SimpleNamespace(id=1, channel_id="c", state=state, local_user_id=self.uid, internal_uid=1)
