"""For pytest runs inside a test: such a run forgets the modules that it imported first, and not what was made of them.

So the modules that these runs use are imported here. Some native modules end the process when they are imported
twice.
"""

from __future__ import annotations

import av  # noqa: F401
import httpcore  # noqa: F401
import httpx  # noqa: F401
import numpy  # noqa: F401
import soundfile  # noqa: F401
import soxr  # noqa: F401

import offhook.testing.audio  # noqa: F401
import offhook_aiortc.transport  # noqa: F401
import offhook_audio.resample_file
import offhook_audio.resample_live
import offhook_audio.silence
import offhook_audio.tone
import offhook_audio.wav  # noqa: F401
import offhook_mockserver.testkit.artefacts
import offhook_mockserver.testkit.evidence
import offhook_mockserver.testkit.failure
import offhook_mockserver.testkit.making
import offhook_mockserver.testkit.picture  # noqa: F401
import offhook_sendblue.carrier
import offhook_sendblue.exchange  # noqa: F401
from offhook import Phone  # noqa: F401
