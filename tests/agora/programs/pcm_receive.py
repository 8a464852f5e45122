"""usage: python pcm_receive.py HEARD.wav RATE CHANNELS < GRANT: writes down what the callee says, until it hangs up."""

import json
import sys
import threading
import wave

from agora.rtc.agora_base import (
    AgoraServiceConfig,
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
        self.left, self.disconnected = threading.Event(), threading.Event()

    def on_connected(self, connection, info, reason):
        print("connected", info.state, reason)

    def on_user_left(self, connection, uid, reason):
        print("left", reason)
        self.left.set()

    def on_disconnected(self, connection, info, reason):
        print("disconnected", info.state, reason)
        self.disconnected.set()

    def on_connection_failure(self, connection, info, reason):
        print("failure", info.state, reason)
        self.left.set()


class UserEvents(IRTCLocalUserObserver):
    def on_user_audio_track_subscribed(self, local_user, uid, track):
        print("subscribed")


class Ear(IAudioFrameObserver):
    def __init__(self, file):
        self.file = file
        self.shapes = set()

    def on_playback_audio_frame_before_mixing(self, local_user, channel, uid, frame, vad_state, vad_bytes):
        self.shapes.add((frame.samples_per_sec, frame.channels, frame.samples_per_channel, frame.bytes_per_sample))
        self.file.writeframes(frame.buffer)
        return 1


rate, channels = int(sys.argv[2]), int(sys.argv[3])
grant = json.load(sys.stdin)["agora"]
service = AgoraService()
service.initialize(AgoraServiceConfig(appid=grant["appId"]))
options = AudioSubscriptionOptions(
    packet_only=0, pcm_data_only=1, bytes_per_sample=2, number_of_channels=channels, sample_rate_hz=rate
)
connection = service.create_rtc_connection(
    RTCConnConfig(auto_subscribe_audio=1, audio_subs_options=options), RtcConnectionPublishConfig()
)
with wave.open(sys.argv[1], "wb") as file:
    file.setparams((channels, 2, rate, 0, "NONE", ""))
    events, user_events, ear = ConnectionEvents(), UserEvents(), Ear(file)
    connection.register_observer(events)
    connection.register_local_user_observer(user_events)
    connection.get_local_user().set_playback_audio_frame_before_mixing_parameters(channels, rate)
    connection.register_audio_frame_observer(ear, 0, None)
    connection.connect(grant["token"], grant["channelName"], str(grant["uid"]))
    if not events.left.wait(30):
        sys.exit("the callee did not hang up")
    connection.disconnect()
    events.disconnected.wait(3)
    connection.release()
service.release()
print("shapes", sorted(ear.shapes))
