"""A phone in somebody else's program, with real media: what it leaves behind, and what the page about it shows."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.core.rig import NUMBER, rig, run
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from tests.integration.conftest import Mock

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/embed.md").read_text(encoding="utf-8")

#: With everything that is installed: carrier, transport, store, files, resampling.
PROGRAM = """
import asyncio, json, sys
import aioice, aiortc, av, certifi, cryptography, httpx, numpy, soundfile, soxr, websockets
certifi.where()  # what others do when they are imported or first used is not ours
sys.path.append(sys.argv[1])
from tests.footprint import differences, footprint

loop = asyncio.new_event_loop()
before = footprint(loop)
from offhook import Phone

async def main():
    async with Phone.from_env() as phone:
        greeting = phone.source("wav:" + sys.argv[2])
        async with phone.dial("+14155550105", record="both.wav") as call:
            assert await call.answered()
            call.play(greeting)
            await call.record_for(0.5, "heard.wav")
    return str(call.record.disposition)

ended = loop.run_until_complete(main())
after = footprint(loop)
loop.run_until_complete(loop.shutdown_default_executor())
loop.close()
print(json.dumps([ended, differences(before, after)]))
"""


@pytest.mark.slow
def test_a_whole_call_over_webrtc_leaves_the_process_as_it_was(mock: Mock, tmp_path: Path) -> None:
    done = mock.run("-W", "error", "-c", PROGRAM, str(ROOT), str(ROOT / "examples/greeting.wav"), cwd=tmp_path)
    ended, differences = json.loads(done.out)
    assert ended == "completed", done.err
    del differences["random"]  # websockets and aiortc draw from it
    filtered = [name for name, change in differences.items() if re.fullmatch("None -> .*RedactingFilter.*", change)]
    assert {name: change for name, change in differences.items() if name not in filtered} == {}
    assert all(name.startswith(("logger httpx", "logger httpcore.")) for name in filtered)
    assert filtered, "the page names this exception"


def shown(name: str) -> str:
    """A program of the page."""
    (code,) = re.findall(rf"<!-- run: {name} -->\n```python\n(.*?)```", PAGE, re.DOTALL)
    return str(code)


@pytest.mark.slow
def test_the_program_of_the_page_that_has_no_loop(mock: Mock, tmp_path: Path) -> None:
    assert mock.run("-W", "error", "-c", shown("thread"), cwd=tmp_path).out == "completed\n"


@pytest.mark.slow
def test_the_program_of_the_page_that_handles_signals(mock: Mock, tmp_path: Path) -> None:
    process = mock.start("-W", "error", "-c", shown("signals"), cwd=tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline() == "dialled\n"
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert (out, err, process.returncode) == ("canceled\n", "", 0)


@pytest.mark.parametrize("shielded", [True, False])
def test_a_cancel_scope_cuts_hanging_up_short_unless_it_is_shielded(shielded: bool) -> None:
    """anyio cancels again and again; Starlette's responses run in such a scope. Either way it ends, and at once."""

    async def main() -> list[str]:
        made = rig()
        made.answer()
        with anyio.move_on_after(5):
            async with made.phone.dial(NUMBER) as call:
                try:
                    await asyncio.Event().wait()
                finally:
                    with anyio.CancelScope(shield=shielded):
                        await call.hang_up()
        assert call.over
        return [entry.event for entry in call.record.timeline if entry.changed]

    assert ("LegClosed" in run(main())) == shielded


@pytest.mark.slow
def test_the_program_of_the_page_that_talks_from_a_thread(mock: Mock, tmp_path: Path) -> None:
    assert mock.run("-W", "error", "-c", shown("threads"), cwd=tmp_path).out == "completed\n"
