"""A bot on Agora's own SDK, with nothing of offhook in it: it greets the callee and keeps what the callee says.

usage: curl ... /facetime/start-call ... | python agora_sdk_bot.py greeting.wav heard.wav
"""

import json
import sys
import threading
import wave

from agora.rtc import agora_base, agora_service, audio_frame_observer, rtc_connection_observer


class Ear(audio_frame_observer.IAudioFrameObserver):
    def on_playback_audio_frame_before_mixing(self, user, channel, uid, frame, vad_state, vad_bytes):
        heard.writeframes(frame.buffer)
        return 1


class Events(rtc_connection_observer.IRTCConnectionObserver):
    def on_user_joined(self, connection, uid):
        answered.set()

    def on_user_left(self, connection, uid, reason):
        over.set()

    def on_disconnected(self, connection, info, reason):
        gone.set()


grant = json.load(sys.stdin)["agora"]
answered, over, gone = threading.Event(), threading.Event(), threading.Event()
with wave.open(sys.argv[1]) as file:
    rate = file.getframerate()
    whole = file.getnframes() // (rate // 1000) * (rate // 1000)  # Agora takes whole milliseconds only
    greeting = bytearray(file.readframes(whole))
service = agora_service.AgoraService()
service.initialize(agora_base.AgoraServiceConfig(appid=grant["appId"]))
connection = service.create_rtc_connection(
    agora_base.RTCConnConfig(auto_subscribe_audio=1),
    agora_base.RtcConnectionPublishConfig(audio_scenario=agora_base.AudioScenarioType.AUDIO_SCENARIO_CHORUS),
)
with wave.open(sys.argv[2], "wb") as heard:
    heard.setparams((1, 2, rate, 0, "NONE", ""))
    connection.register_observer(Events())
    connection.get_local_user().set_playback_audio_frame_before_mixing_parameters(1, rate)
    connection.register_audio_frame_observer(Ear(), 0, None)
    connection.connect(grant["token"], grant["channelName"], str(grant["uid"]))
    connection.publish_audio()
    if answered.wait(30):
        connection.push_audio_pcm_data(greeting, rate, 1)
        over.wait(len(greeting) / rate / 2 + 6)  # until the callee hangs up, or has had 6 s for a reply
    connection.disconnect()
    gone.wait(2)
    connection.release()
service.release()
