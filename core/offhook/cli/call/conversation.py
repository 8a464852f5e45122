"""What happens in a call: sources are opened before anything rings, then played, and the callee is listened to."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from offhook.cli.exit_codes import ExitCode
from offhook.errors import SpecError
from offhook.media.play_handle import PlayoutEnd
from offhook.media.speech import SpeechDetector
from offhook.wording import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from offhook.call.call import Call
    from offhook.call.phone import Phone
    from offhook.interfaces import AudioSource
    from offhook.media.play_handle import PlayHandle


def open_sources(phone: Phone, specs: Sequence[str], opened: list[AudioSource]) -> None:
    """Open the sources that `specs` name, and append each to `opened` at once, so that the caller can close them.

    The rate of a source is known only from its first frame, when the callee is already listening. So this checks
    beforehand that the resampler which the source may need is installed.

    Raises:
        ConfigError: a source cannot be opened, or its resampler is not installed.
    """
    for spec in specs:
        source = phone.source(spec)
        opened.append(source)
        try:
            phone.plugins.resamplers.find("live" if source.live else "file")
        except SpecError as error:
            raise SpecError(
                f"{quoted(spec)} may have to be converted to the rate of the call: {error.message}. offhook's own "
                "resamplers are in its plugin audio: do not disable it"
            ) from None


async def converse(call: Call, sources: Sequence[AudioSource], for_s: float | None, quiet_s: float) -> ExitCode:
    """Talk until the callee hangs up, `for_s` has passed, or all is said and the callee has been quiet for `quiet_s`.

    Returns:
        `ExitCode.FAILED` if a source broke, else `ExitCode.COMPLETED`.
    """
    if not await call.answered():
        return ExitCode.COMPLETED
    handles = [call.play(source) for source in sources]
    ended = asyncio.create_task(call.ended())
    said = asyncio.create_task(_all_said(call, handles, quiet_s))
    try:
        await asyncio.wait({ended, said}, timeout=for_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        ended.cancel()
        said.cancel()
        await asyncio.wait({ended, said})
    return ExitCode.FAILED if any(handle.ended is PlayoutEnd.FAILED for handle in handles) else ExitCode.COMPLETED


async def _all_said(call: Call, handles: Sequence[PlayHandle], quiet_s: float) -> None:
    """Wait until everything was said and the callee has not spoken for `quiet_s`.

    When the callee has dropped out, wait for their return (or the end of the call) first.
    """
    loop = asyncio.get_running_loop()
    stream = call.audio()
    detector = SpeechDetector(stream.rate_hz)
    spoke_at = loop.time()

    async def listen() -> None:
        nonlocal spoke_at
        async for frame in stream:
            detector.feed(frame)
            if detector.speaking:
                spoke_at = loop.time()

    listening = asyncio.create_task(listen())
    try:
        for handle in handles:
            await handle.done()
        spoke_at = loop.time()
        while (rest_s := spoke_at + quiet_s - loop.time()) > 0:
            await asyncio.sleep(rest_s)
            if not call.callee_present:
                await _callee_back(call)
                spoke_at = loop.time()
    finally:
        listening.cancel()


async def _callee_back(call: Call) -> None:
    """Wait until the callee is in the channel again, or the call has ended."""
    async for _ in call.events():
        if call.callee_present:
            return
