"""usage: python both.py SPEECH.wav HEARD.wav SECONDS < GRANT: sends a file in one push, writes down the answer."""

import json
import sys
import threading
import time
import wave

from agora.rtc.agora_base import (
    AgoraServiceConfig,
    AudioScenarioType,
    AudioSubscriptionOptions,
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
        self.callee.set()

    def on_disconnected(self, connection, info, reason):
        self.disconnected.set()


class Ear(IAudioFrameObserver):
    def __init__(self, file):
        self.file = file

    def on_playback_audio_frame_before_mixing(self, local_user, channel, uid, frame, vad_state, vad_bytes):
        self.file.writeframes(frame.buffer)
        return 1


with wave.open(sys.argv[1]) as file:
    rate, speech = file.getframerate(), bytearray(file.readframes(file.getnframes()))
speech += bytes(-len(speech) % (rate // 1000 * 2))
grant = json.load(sys.stdin)["agora"]
service = AgoraService()
service.initialize(AgoraServiceConfig(appid=grant["appId"]))
options = AudioSubscriptionOptions(
    packet_only=0, pcm_data_only=1, bytes_per_sample=2, number_of_channels=1, sample_rate_hz=rate
)
connection = service.create_rtc_connection(
    RTCConnConfig(auto_subscribe_audio=1, audio_subs_options=options),
    RtcConnectionPublishConfig(audio_scenario=AudioScenarioType.AUDIO_SCENARIO_CHORUS),
)
with wave.open(sys.argv[2], "wb") as file:
    file.setparams((1, 2, rate, 0, "NONE", ""))
    events, user_events, ear = ConnectionEvents(), IRTCLocalUserObserver(), Ear(file)
    connection.register_observer(events)
    connection.register_local_user_observer(user_events)
    connection.get_local_user().set_playback_audio_frame_before_mixing_parameters(1, rate)
    connection.register_audio_frame_observer(ear, 0, None)
    connection.connect(grant["token"], grant["channelName"], str(grant["uid"]))
    connection.publish_audio()
    if not events.callee.wait(20):
        sys.exit("no callee")
    print("pushed", connection.push_audio_pcm_data(speech, rate, 1))
    time.sleep(float(sys.argv[3]))
    connection.disconnect()
    events.disconnected.wait(3)
    connection.release()
service.release()
