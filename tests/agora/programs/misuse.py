"""usage: python misuse.py NAME < GRANT: misuses Agora's SDK in one way, twice, and prints what it sees."""

import gc
import json
import sys
import threading
import time

from agora.rtc.agora_base import (
    AgoraServiceConfig,
    AudioPublishType,
    AudioScenarioType,
    RTCConnConfig,
    RtcConnectionPublishConfig,
)
from agora.rtc.agora_service import AgoraService
from agora.rtc.audio_frame_observer import IAudioFrameObserver
from agora.rtc.local_user_observer import IRTCLocalUserObserver
from agora.rtc.rtc_connection_observer import IRTCConnectionObserver


class ConnectionEvents(IRTCConnectionObserver):
    def __init__(self):
        self.callee, self.disconnected = threading.Event(), threading.Event()

    def on_user_joined(self, connection, uid):
        if name == "call_in_callback":
            print("in a callback:", connection.get_local_user().subscribe_audio(uid))
        self.callee.set()

    def on_disconnected(self, connection, info, reason):
        self.disconnected.set()


class Ear(IAudioFrameObserver):
    def __init__(self, result):
        self.result, self.frames = result, threading.Semaphore(0)

    def on_playback_audio_frame_before_mixing(self, local_user, channel, uid, frame, vad_state, vad_bytes):
        self.frames.release()
        return self.result


def twice(what):
    for _ in range(2):
        try:
            print(name, "->", what())
        except Exception as error:
            print(name, "->", type(error).__name__, error)


name = sys.argv[1]
grant = json.load(sys.stdin)["agora"]
service = AgoraService()
service.initialize(AgoraServiceConfig(appid=grant["appId"]))
connection = service.create_rtc_connection(
    RTCConnConfig(auto_subscribe_audio=1),
    RtcConnectionPublishConfig(audio_scenario=AudioScenarioType.AUDIO_SCENARIO_CHORUS),
)
events, ear = ConnectionEvents(), Ear(None if name == "none" else 1)
connection.register_observer(events)
connection.get_local_user().set_playback_audio_frame_before_mixing_parameters(1, 16000)
connection.register_audio_frame_observer(ear, 0, None)
if name == "early":
    twice(lambda: connection.register_audio_frame_observer(ear, 0, None))
connection.connect(grant["token"], grant["channelName"], str(grant["uid"]))
connection.publish_audio()
if not events.callee.wait(20):
    sys.exit("no callee")
if name == "bytes":
    twice(lambda: connection.push_audio_pcm_data(bytes(320), 16000, 1))
elif name == "length":
    twice(lambda: connection.push_audio_pcm_data(bytearray(882), 44100, 1))
elif name == "second_observer":
    twice(lambda: connection.register_audio_frame_observer(ear, 0, None))
elif name == "second_user_observer":
    connection.register_local_user_observer(IRTCLocalUserObserver())
    twice(lambda: connection.register_local_user_observer(IRTCLocalUserObserver()))
elif name == "removed":
    print("asked:", hasattr(service, "create_custom_audio_track_pcm"))
    twice(lambda: service.create_media_node_factory())
    twice(lambda: connection.get_local_user().publish_audio(None))
elif name == "none":
    for _ in range(10):
        ear.frames.acquire(timeout=10)
elif name == "nothing":
    connection.push_audio_pcm_data(bytearray(320), 16000, 1)
    ear.frames.acquire(timeout=5)
elif name == "after_release":
    other = service.create_rtc_connection(RTCConnConfig(), RtcConnectionPublishConfig())
    other.release()
    twice(lambda: other.publish_audio())
    twice(lambda: other.release())
elif name == "not_modelled":
    twice(lambda: connection.get_local_user().set_mixed_audio_frame_parameters(1, 16000, 160))
elif name == "audience":
    print("role:", connection.get_local_user().get_user_role())
    connection.get_local_user().set_user_role(2)
    twice(lambda: connection.publish_audio())
elif name == "encoded":
    encoded = RtcConnectionPublishConfig(audio_publish_type=AudioPublishType.AUDIO_PUBLISH_TYPE_ENCODED_PCM)
    other = service.create_rtc_connection(RTCConnConfig(), encoded)
    twice(lambda: other.publish_audio())
    other.release()
elif name == "dropped":
    for _ in range(2):
        other = service.create_rtc_connection(RTCConnConfig(), RtcConnectionPublishConfig())
        other.register_observer(IRTCConnectionObserver())
        other.connect("", grant["channelName"], "0")
        del other
        gc.collect()
time.sleep(0.3)
connection.disconnect()
events.disconnected.wait(3)
connection.release()
service.release()
