"""usage: python pcm_send.py SPEECH.wav < GRANT: sends a file in pieces of 10 ms, at their times."""

import json
import sys
import threading
import time
import wave

from agora.rtc.agora_base import AgoraServiceConfig, RTCConnConfig, RtcConnectionPublishConfig
from agora.rtc.agora_service import AgoraService
from agora.rtc.local_user_observer import IRTCLocalUserObserver
from agora.rtc.rtc_connection_observer import IRTCConnectionObserver


class ConnectionEvents(IRTCConnectionObserver):
    def __init__(self):
        self.connected, self.callee, self.disconnected = threading.Event(), threading.Event(), threading.Event()

    def on_connected(self, connection, info, reason):
        print("connected", info.channel_id, info.state, reason)
        self.connected.set()

    def on_user_joined(self, connection, uid):
        print("joined", uid)
        self.callee.set()

    def on_disconnected(self, connection, info, reason):
        print("disconnected", info.state, reason)
        self.disconnected.set()

    def on_connection_failure(self, connection, info, reason):
        print("failure", info.state, reason)
        self.connected.set()

    def on_aiqos_capability_missing(self, connection, recommended):
        return -1


class UserEvents(IRTCLocalUserObserver):
    def on_audio_track_publish_success(self, local_user, track):
        print("published")


with wave.open(sys.argv[1]) as file:
    rate, channels = file.getframerate(), file.getnchannels()
    pieces = []
    while piece := file.readframes(rate // 100):
        pieces.append(bytearray(piece.ljust(rate // 100 * 2 * channels, b"\0")))
grant = json.load(sys.stdin)["agora"]
service = AgoraService()
if service.initialize(AgoraServiceConfig(appid=grant["appId"])) != 0 or not service.inited:
    sys.exit("the service was not initialised")
connection = service.create_rtc_connection(RTCConnConfig(), RtcConnectionPublishConfig())
events, user_events = ConnectionEvents(), UserEvents()
connection.register_observer(events)
connection.register_local_user_observer(user_events)
connection.connect(grant["token"], grant["channelName"], "0")
if not events.connected.wait(10):
    sys.exit("not connected")
connection.publish_audio()
if not events.callee.wait(20):
    sys.exit("no callee")
start = time.monotonic()
for number, piece in enumerate(pieces):
    time.sleep(max(0.0, start + number / 100 - 0.1 - time.monotonic()))  # 100 ms ahead of what is heard
    if connection.push_audio_pcm_data(piece, rate, channels) != 0:
        sys.exit("a push was refused")
while not connection.is_push_to_rtc_completed():
    time.sleep(0.02)
time.sleep(0.3)
connection.unpublish_audio()
connection.disconnect()
events.disconnected.wait(3)
connection.release()
service.release()
print("done")
