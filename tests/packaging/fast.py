"""Checks the extra `fast`, in an environment that has it: `nox -s fast`. Commands use uvloop, and calls work on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

_CALL = """
import asyncio, sys
import uvloop
from offhook import Phone

async def main() -> str:
    assert type(asyncio.get_running_loop()).__module__.startswith("uvloop")
    async with Phone.from_env() as phone, phone.dial("+14155550105") as call:
        await call.answered()
        heard = 0
        call.play("tone:440,1.0")
        async for frame in call.audio():
            heard += any(frame.pcm)
            if heard == 25:
                break
    return call.record.disposition.value

sys.exit(None if uvloop.run(main()) == "completed" else "the call did not complete")
"""


def run(*command: str, folder: str) -> str:
    """What a command prints; it must end with 0."""
    environment = {**os.environ, "OFFHOOK_HOME": folder, "OFFHOOK_STORE": "none"}
    ended = subprocess.run(command, env=environment, cwd=folder, check=True, stdout=subprocess.PIPE, timeout=120)
    return ended.stdout.decode()


def main() -> None:
    offhook = str(Path(sys.executable).parent / "offhook")
    with tempfile.TemporaryDirectory() as folder:
        found = json.loads(run(offhook, "mock", "exec", "--", offhook, "doctor", "--json", folder=folder))
        assert ", in commands" in json.dumps(found), found
        called = json.loads(run(offhook, "demo", "--json", "--out", "call", folder=folder).splitlines()[-1])
        assert called["disposition"] == "completed", called
        run(offhook, "mock", "exec", "--", sys.executable, "-c", _CALL, folder=folder)
    print("commands, a mock and calls work on uvloop")


if __name__ == "__main__":
    main()
