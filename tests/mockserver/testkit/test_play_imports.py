"""After a call was answered, playing a file imports nothing: that would delay the greeting."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
import asyncio, sys
from offhook import Phone
from offhook_mockserver.server import CLIPS
from offhook_mockserver.testkit import mock

async def main(number):
    async with Phone.from_env() as phone:
        await asyncio.sleep(1)
        assert not sys.modules.keys() & {"numpy", "soundfile", "soxr", "av"}, "a phone that does not dial is light"
        async with phone.dial(number) as call:
            await call.answered()
            before = set(sys.modules)
            await call.play(f"wav:{CLIPS / 'greeting.wav'}").done()
            call.play("tone:440,1")
            print(sorted(set(sys.modules) - before))

with mock(virtual=True) as handle:
    handle.run(main(handle.callee().answers(after_s=1).waits(10).number))
"""


def test_the_first_play_imports_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=dict(os.environ), capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr
