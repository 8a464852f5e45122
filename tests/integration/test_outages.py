"""A mock whose process is stopped and goes on, or does not: what a leg and a whole call make of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import wave
from typing import TYPE_CHECKING

import pytest
from tests.patience import PATIENCE_S
from tests.plugins.relay_kit import Ear, Talker, until
from tests.plugins.test_aiortc_rejoin import of_the_leg

from offhook import CallPolicy, CallState, Disposition, EndedBy, Phone
from offhook.interfaces import DialRequest
from offhook.session.events import LegDisconnected, LegReconnected
from offhook_aiortc.transport import AiortcTransport
from offhook_sendblue.auth import KeyAuth
from offhook_sendblue.carrier import SendblueCarrier

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.conftest import Mock

pytestmark = pytest.mark.slow

ECHOES = "+14155550105"


def carrier_of(mock: Mock) -> SendblueCarrier:
    auth = KeyAuth(mock.ready["api_key"], mock.ready["api_secret"])
    return SendblueCarrier(auth, from_number=mock.ready["from_number"], base_url=mock.ready["url"])


@contextlib.contextmanager
def stopped(mock: Mock) -> Iterator[None]:
    """The mock's process stands still."""
    os.kill(mock.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(mock.pid, signal.SIGCONT)


@pytest.mark.fault("F23")
def test_a_relay_that_stands_still_for_10_s_is_noticed_and_so_is_its_return(mock: Mock) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        carrier = carrier_of(mock)
        ear = Ear()
        transport = AiortcTransport()
        leg = await transport.join(await carrier.start_call(DialRequest("call_1", ECHOES)), ear)
        talker = Talker(leg)
        await until(lambda: len(ear.audio) > 25, "the callee answers and echoes")
        with stopped(mock):
            stopped_at_s = loop.time()
            await until(lambda: LegDisconnected() in ear.events, "noticed")
            print(f"noticed after {loop.time() - stopped_at_s:.2f} s")
            await asyncio.sleep(10 - (loop.time() - stopped_at_s))
            heard = len(ear.audio)
        on_at_s = loop.time()
        await until(lambda: LegReconnected() in ear.events, "back")
        print(f"its return after {loop.time() - on_at_s:.2f} s")
        await until(lambda: len(ear.audio) > heard + 100, "2 s of echo more")
        await talker.stop()
        assert of_the_leg(ear) == [LegDisconnected(), LegReconnected()]
        await leg.leave()
        await transport.aclose()
        await carrier.aclose()

    asyncio.run(main())


@pytest.mark.fault("F24")
def test_a_relay_that_stands_still_for_good_ends_the_call_in_the_grace_and_its_files_are_whole(
    mock: Mock, tmp_path: Path
) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        policy = CallPolicy(grace_s=1.0)
        async with (
            Phone(carrier=carrier_of(mock), transport=AiortcTransport(), policy=policy) as phone,
            phone.dial(ECHOES, record=tmp_path / "mix.wav") as call,
        ):
            assert await call.answered()
            call.play("tone:440")
            await asyncio.sleep(0.5)
            with stopped(mock):
                stopped_at_s = loop.time()
                async with asyncio.timeout(PATIENCE_S):
                    await call.ended()
                print(f"a relay that is gone ended the call after {loop.time() - stopped_at_s:.2f} s")
                assert call.state is CallState.ENDED
            assert call.record.outcome is not None
            assert call.record.outcome.disposition is Disposition.FAILED
            assert call.record.outcome.ended_by is EndedBy.NETWORK

    asyncio.run(main())
    with wave.open(str(tmp_path / "mix.wav")) as file:
        assert file.getnframes() > file.getframerate() * 3
