"""A bot on Agora's SDK, without offhook: curl ... start-call | python agora_sdk_bot.py greeting.wav heard.wav"""

import json
import sys
import threading
import wave

from agora.rtc.agora_base import AgoraServiceConfig, AudioScenarioType, RTCConnConfig, RtcConnectionPublishConfig
from agora.rtc.agora_service import AgoraService
from agora.rtc.audio_frame_observer import IAudioFrameObserver
from agora.rtc.rtc_connection_observer import IRTCConnectionObserver


class Bot(IRTCConnectionObserver, IAudioFrameObserver):
    answered, hung_up, gone = threading.Event(), threading.Event(), threading.Event()

    def on_user_joined(self, connection, uid):
        self.answered.set()

    def on_user_left(self, connection, uid, reason):
        self.hung_up.set()

    def on_disconnected(self, connection, info, reason):
        self.gone.set()

    def on_playback_audio_frame_before_mixing(self, user, channel, uid, frame, vad_state, vad_bytes):
        heard.writeframes(frame.buffer)
        return 1


bot, grant = Bot(), json.load(sys.stdin)["agora"]
service = AgoraService()
service.initialize(AgoraServiceConfig(appid=grant["appId"]))
publish = RtcConnectionPublishConfig(audio_scenario=AudioScenarioType.AUDIO_SCENARIO_CHORUS)
connection = service.create_rtc_connection(RTCConnConfig(auto_subscribe_audio=1), publish)
with wave.open(sys.argv[1]) as greeting, wave.open(sys.argv[2], "wb") as heard:
    rate = greeting.getframerate()
    heard.setparams((1, 2, rate, 0, "NONE", ""))
    connection.register_observer(bot)
    connection.get_local_user().set_playback_audio_frame_before_mixing_parameters(1, rate)
    connection.register_audio_frame_observer(bot, 0, None)
    connection.connect(grant["token"], grant["channelName"], str(grant["uid"]))
    connection.publish_audio()
    if bot.answered.wait(30):
        whole = greeting.getnframes() * 1000 // rate * rate // 1000  # Agora takes whole milliseconds only
        connection.push_audio_pcm_data(bytearray(greeting.readframes(whole)), rate, 1)
        bot.hung_up.wait(whole / rate + 6)  # until the callee hangs up, or has had 6 s for a reply
    connection.disconnect()
    bot.gone.wait(2)
    connection.release()
service.release()
