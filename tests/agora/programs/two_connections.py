"""usage: python two_connections.py SPEECH.wav A.wav B.wav < GRANTS: two calls in one process, each with its own speech.

GRANTS is a list of two. Both connections hear their callees, and write down what they hear.
"""

import json
import sys
import threading
import time
import wave

from agora.rtc.agora_base import AgoraServiceConfig, AudioScenarioType, RTCConnConfig, RtcConnectionPublishConfig
from agora.rtc.agora_service import AgoraService
from agora.rtc.audio_frame_observer import IAudioFrameObserver
from agora.rtc.rtc_connection_observer import IRTCConnectionObserver


class Caller(IRTCConnectionObserver, IAudioFrameObserver):
    def __init__(self, service, grant, path):
        self.callee, self.disconnected = threading.Event(), threading.Event()
        self.file = wave.open(path, "wb")  # noqa: SIM115 - closed at the end of the call
        self.file.setparams((1, 2, rate, 0, "NONE", ""))
        self.connection = service.create_rtc_connection(
            RTCConnConfig(auto_subscribe_audio=1),
            RtcConnectionPublishConfig(audio_scenario=AudioScenarioType.AUDIO_SCENARIO_CHORUS),
        )
        self.connection.register_observer(self)
        self.connection.get_local_user().set_playback_audio_frame_before_mixing_parameters(1, rate)
        self.connection.register_audio_frame_observer(self, 0, None)
        self.connection.connect(grant["token"], grant["channelName"], str(grant["uid"]))
        self.connection.publish_audio()

    def on_user_joined(self, connection, uid):
        self.callee.set()

    def on_disconnected(self, connection, info, reason):
        self.disconnected.set()

    def on_playback_audio_frame_before_mixing(self, local_user, channel, uid, frame, vad_state, vad_bytes):
        self.file.writeframes(frame.buffer)
        return 1

    def end(self):
        self.connection.disconnect()
        self.disconnected.wait(3)
        self.connection.release()
        self.file.close()


with wave.open(sys.argv[1]) as file:
    rate, speech = file.getframerate(), bytearray(file.readframes(file.getnframes()))
speech += bytes(-len(speech) % (rate // 1000 * 2))
backwards = bytearray(b"".join(bytes(speech[at : at + 2]) for at in range(len(speech) - 2, -1, -2)))
grants = [document["agora"] for document in json.load(sys.stdin)]
service = AgoraService()
service.initialize(AgoraServiceConfig(appid=grants[0]["appId"]))
callers = [Caller(service, grant, path) for grant, path in zip(grants, sys.argv[2:], strict=True)]
for caller, words in zip(callers, (speech, backwards), strict=True):
    if not caller.callee.wait(20):
        sys.exit("no callee")
    caller.connection.push_audio_pcm_data(words, rate, 1)
time.sleep(len(speech) / 2 / rate + 6)  # the callees reply
for caller in callers:
    caller.end()
service.release()
