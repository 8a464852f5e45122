"""usage: python member.py UID HERTZ FOLDER < GRANT and lines: ``talk`` sends a tone, ``leave`` ends it.

What each other member says is written to FOLDER/UID.pcm.
"""

import array
import json
import math
import sys
import threading
from pathlib import Path

from agora.rtc.agora_base import AgoraServiceConfig, AudioScenarioType, RTCConnConfig, RtcConnectionPublishConfig
from agora.rtc.agora_service import AgoraService
from agora.rtc.audio_frame_observer import IAudioFrameObserver
from agora.rtc.rtc_connection_observer import IRTCConnectionObserver


class Member(IRTCConnectionObserver, IAudioFrameObserver):
    def __init__(self):
        self.connected, self.disconnected = threading.Event(), threading.Event()
        self.heard = {}

    def on_connected(self, connection, info, reason):
        self.connected.set()

    def on_disconnected(self, connection, info, reason):
        self.disconnected.set()

    def on_playback_audio_frame_before_mixing(self, local_user, channel, uid, frame, vad_state, vad_bytes):
        self.heard.setdefault(uid, bytearray()).extend(frame.buffer)
        return 1


uid, hertz, folder = sys.argv[1], float(sys.argv[2]), Path(sys.argv[3])
grant = json.loads(sys.stdin.readline())["agora"]
tone = [int(12000 * math.sin(2 * math.pi * hertz * n / 16000)) for n in range(16000)]
service = AgoraService()
service.initialize(AgoraServiceConfig(appid=grant["appId"]))
connection = service.create_rtc_connection(
    RTCConnConfig(auto_subscribe_audio=1),
    RtcConnectionPublishConfig(audio_scenario=AudioScenarioType.AUDIO_SCENARIO_CHORUS),
)
member = Member()
connection.register_observer(member)
connection.get_local_user().set_playback_audio_frame_before_mixing_parameters(1, 16000)
connection.register_audio_frame_observer(member, 0, None)
connection.connect(grant["token"], grant["channelName"], uid)
connection.publish_audio()
if not member.connected.wait(10):
    sys.exit("not connected")
print("joined", flush=True)
for line in sys.stdin:
    if line.strip() != "talk":
        break
    connection.push_audio_pcm_data(bytearray(array.array("h", tone).tobytes()), 16000, 1)
connection.disconnect()
member.disconnected.wait(3)
connection.release()
service.release()
for other, pcm in member.heard.items():
    (folder / f"{other}.pcm").write_bytes(pcm)
