"""One scripted call, for comparison byte by byte: `python -m tests.mockserver.scripted_call SEED FOLDER` makes one.

Two seconds of ringing, a minute of real speech both ways over a network that loses one frame in a hundred, is cut for
1.5 s and mended, and a fresh token; through the carrier's own HTTP code, a room of the mock and the memory transport.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from offhook.interfaces.ids import Ids
from offhook.session.events import Direction
from offhook.testing import LoopClock, run_virtual
from offhook_mockserver.callees.numbers import HELLO, REPLY, SPEECH
from offhook_mockserver.callees.script import Answer, ListenFor, Ring, Say, Script, Sound, Wait
from offhook_mockserver.far_ends import RenewsGrants
from offhook_mockserver.server.in_process import InProcessMock
from offhook_mockserver.tenants.settings import TenantSettings

if TYPE_CHECKING:
    from offhook import Call
    from offhook.session.record import CallRecord

RINGING_S: Final = 2.0
TALK_S: Final = 60.0
CUT_AT_S: Final = 20.0
CUT_S: Final = 1.5
#: Long enough for the call only if it is renewed.
TOKEN_S: Final = 50
LOSS: Final = 0.01

_TURN: Final = (ListenFor(Sound.SPEECH), Say(REPLY), Wait(0.7), Say(HELLO))
SCRIPT: Final = Script("rings, answers and goes on talking", (Ring(RINGING_S), Answer(), Say(HELLO), *_TURN * 12))


def talk(seed: str, folder: Path) -> CallRecord:
    """Make the call; the folder gets the journal, the record and both recordings."""
    return run_virtual(_talk(seed, folder))


def artefacts(folder: Path) -> dict[str, bytes]:
    """What must be the same in two runs."""
    (callee,) = folder.glob("*.callee.wav")
    names = {"journal": folder / "journal.jsonl", "both": folder / "both.wav", "callee": callee}
    return {name: path.read_bytes() for name, path in names.items()}


async def _talk(seed: str, folder: Path) -> CallRecord:
    async with InProcessMock(
        clock=LoopClock(),
        ids=Ids(seed),
        tenant=TenantSettings(token_life_s=TOKEN_S),
        recordings=folder,
        script_for=lambda number: SCRIPT,
    ) as mock:
        transport = mock.transport()
        for direction in Direction:
            transport.lose(direction, LOSS)
        async with (
            mock.phone(transport=transport, plugins=[RenewsGrants(mock)], store=f"jsonl:{folder}") as phone,
            phone.dial("+14155550123", record=folder / "both.wav") as call,
        ):
            assert await call.answered()
            loop = asyncio.get_running_loop()
            loop.call_later(CUT_AT_S, transport.cut)
            loop.call_later(CUT_AT_S + CUT_S, transport.mend)
            talking = asyncio.create_task(_go_on_talking(call))
            await asyncio.sleep(TALK_S)
            talking.cancel()
            await asyncio.wait((talking,))
        return call.record


async def _go_on_talking(call: Call) -> None:
    while True:
        await call.play(f"wav:{SPEECH / 'greeting.wav'}").done()
        await asyncio.sleep(0.3)


if __name__ == "__main__":
    talk(sys.argv[1], Path(sys.argv[2]))
