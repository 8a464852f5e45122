"""The client in docs/reference/pcm-door.md shows no token, so that a transport which begins as its copy shows none."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

from offhook.interfaces.frame import AudioFrame
from offhook.testing import TokenFault
from offhook.testing.conformance.exposure import watched
from offhook.testing.conformance.probes import error_of
from offhook_mockserver.far_ends import PcmFarEnd


def test_the_documented_client_shows_no_token() -> None:
    """With a good token, and with each kind of bad one."""
    client: dict[str, Any] = {}
    page = (Path(__file__).parents[4] / "docs/reference/pcm-door.md").read_text(encoding="utf-8")
    sample = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert sample is not None

    async def main() -> None:
        with watched() as exposure:
            exec(sample[1], client)
            async with PcmFarEnd() as far:
                speaker = far.member("room", 2)
                speaker.join()
                speaker.publish()
                good = far.grant("room", uid=7)
                bad = [far.grant("room", uid=7, fault=fault) for fault in TokenFault]
                echoing = asyncio.create_task(client["echo"](good, 0.02))
                while not echoing.done():
                    speaker.say(AudioFrame(bytes(640), 16_000, 0))
                    await asyncio.sleep(0.01)
                await echoing
                for grant in bad:
                    error = await error_of(client["echo"](grant, 0.02))
                    assert isinstance(error, RuntimeError)
                    exposure.add_error(error)
        assert exposure.places_of([grant.token.reveal() for grant in (good, *bad)]) == []

    asyncio.run(main())
