"""Clauses about the process around a transport: resources, programs that end, counters, secrets."""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings
from typing import TYPE_CHECKING, Final

from offhook.errors import TransportError
from offhook.interfaces.far_end import TokenFault
from offhook.testing.conformance.clause import clause
from offhook.testing.conformance.exposure import watched
from offhook.testing.conformance.probes import ending_of
from offhook.testing.conformance.transport.kit import TransportKit
from offhook.testing.conformance.transport.stage import CHANNEL, OTHER_CHANNEL, OUR_UID, Ear, talk
from offhook.testing.resources import Resources
from offhook.testing.virtual_time import VirtualLoop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from offhook.interfaces.grant import Grant
    from offhook.testing.conformance.exposure import Exposure
    from offhook.testing.conformance.transport.stage import Stage


_LOOKS: Final = 10


class LifeClauses(TransportKit):
    """Clauses 21 and 23 to 25."""

    @clause("transport-21", "after many joins and leaves there are no more tasks, threads and descriptors than before")
    async def test_cycles(self) -> None:
        async with self.stage() as stage:

            async def cycle() -> None:
                leg, _ = await stage.join()
                await leg.leave()
                await self.until(lambda: not stage.far.uids(CHANNEL), "the channel sees no member after leave()")

            for _ in range(2):  # creates what is created only once
                await cycle()
            await stage.rest()
            before = Resources.now()
            cycles = self.cycles or round(self.either(100, 20))
            for _ in range(cycles):
                await cycle()
            more: dict[str, int] = {}
            for _ in range(_LOOKS):
                if not (more := Resources.now().more_than(before)):
                    break
                await asyncio.sleep(self.patience_s / _LOOKS)
            assert not more, f"after {cycles} joins and leaves there are more than before: {more}"

    @clause("transport-23", "a program that ends while a leg is up exits within 5 s and leaves no thread behind")
    async def test_the_program_ends(self) -> None:
        before = set(threading.enumerate())
        failures: list[BaseException] = []
        held: list[object] = []
        loops: list[asyncio.AbstractEventLoop] = []

        async def main() -> None:
            far_end = self.far_end = self.make_far_end()
            await far_end.start()
            transport = self.make(far_end.environment)
            held.extend((far_end, transport, await transport.join(far_end.grant(CHANNEL, uid=OUR_UID), Ear())))

        def program() -> None:
            factory: Callable[[], asyncio.AbstractEventLoop] = (
                VirtualLoop if self.virtual_time else asyncio.new_event_loop
            )
            try:
                with asyncio.Runner(loop_factory=factory) as runner:
                    loops.append(runner.get_loop())
                    loops[0].set_exception_handler(lambda _loop, _context: None)
                    runner.run(main())
            except BaseException as error:
                failures.append(error)

        with warnings.catch_warnings():
            # The garbage collector closes the sockets of a leg that was never left, and warns about it.
            warnings.simplefilter("ignore", ResourceWarning)
            # Not a daemon, since threads that it starts would be daemons as well.
            thread = threading.Thread(target=program, daemon=False)
            thread.start()
            thread.join(self.ending_s)
            ended = not thread.is_alive()
            if not ended:
                loops[0].call_soon_threadsafe(loops[0].stop)
                thread.join(self.ending_s)
            assert ended, (
                f"a program that ended while a leg was up was still running after {self.ending_s:g} s: "
                "tasks must end when they are cancelled"
            )
            if failures:
                raise failures[0]
            held.clear()
            gc.collect()
        left = [item.name for item in set(threading.enumerate()) - before if not item.daemon]
        assert not left, f"a program that ended while a leg was up left threads, which keep the process alive: {left}"

    @clause("transport-24", "counters are integers that never decrease; frames_sent and frames_received count frames")
    async def test_counters(self) -> None:
        async with self.stage() as stage:
            pair = await stage.pair()
            before = pair.leg.counters()
            for name in ("frames_sent", "frames_received"):
                assert name in before, f"counters() has no {name}: it has {', '.join(before) or 'no counters'}"
            for _ in range(3):
                await talk(25, pair.ours, pair.theirs)
                await stage.rest()
                after = pair.leg.counters()
                for name, value in after.items():
                    assert type(value) is int, f"the counter {name} is {value!r}, not an int"
                    assert value >= before.get(name, 0), f"the counter {name} fell from {before[name]} to {value}"
                sent = after["frames_sent"] - before["frames_sent"]
                assert sent == 25, f"send() accepted 25 frames, but frames_sent grew by {sent}"
                received = after["frames_received"] - before["frames_received"]
                assert 24 <= received <= 26, f"25 frames were heard, but frames_received grew by {received}"
                before = after

    @clause(
        "transport-25",
        "no token appears anywhere: not in a repr(), an event or counters(), nor in a log, a warning, an error, the "
        "output, the environment or a child process",
    )
    async def test_no_secret_is_shown(self) -> None:
        with watched() as exposure:
            tokens = await self._show(exposure)
        places = exposure.places_of(tokens)
        assert not places, f"the grant's token appears in: {', '.join(places)}"

    async def _show(self, exposure: Exposure) -> list[str]:
        """Use a transport in every way and collect what it shows; returns the tokens."""
        async with self.stage() as stage:
            good = [stage.far.grant(CHANNEL, uid=OUR_UID) for _ in range(3)]
            bad = [
                stage.far.grant(CHANNEL, uid=OUR_UID, fault=TokenFault.FORGED),
                stage.far.grant(OTHER_CHANNEL, uid=OUR_UID, fault=TokenFault.EXPIRED),
                stage.far.grant(OTHER_CHANNEL, uid=OUR_UID, fault=TokenFault.OTHER_CHANNEL),
            ]
            exposure.add_object("transport", stage.transport)
            pair = await stage.pair(grant=good[0])
            if self.claims("renewal"):
                await pair.leg.renew(good[1])
                forged: Awaitable[object] = pair.leg.renew(bad[0])
                exposure.add_error(await self.raises(TransportError, forged, "renew() accepted a forged token"))
            exposure.add_object("transport, while a leg is up", stage.transport)
            exposure.add_object("leg", pair.leg)
            exposure.add_object("counters()", pair.leg.counters())
            for grant in bad:
                exposure.add_error(await self.refused(stage, grant, "a bad token"))
            await pair.leg.leave()
            for turns in range(_LOOKS):
                await self._cancel_a_join(stage, good[2], turns, exposure)
            await stage.transport.aclose()
            exposure.add_error(
                await self.raises(TransportError, stage.join(grant=good[2]), "join() of a closed transport must raise")
            )
            exposure.add_object("transport, closed", stage.transport)
            exposure.add_object("the events", pair.ear.events)
            return [grant.token.reveal() for grant in (*good, *bad)]

    async def _cancel_a_join(self, stage: Stage, grant: Grant, turns: int, exposure: Exposure) -> None:
        joining = asyncio.ensure_future(stage.join(grant=grant))
        for _ in range(turns):
            await asyncio.sleep(0)
        joining.cancel()
        error = await ending_of(joining)
        # The frames of a library in the middle of its work are not the transport's.
        exposure.add_error(error, variables=False)
        # It may have been done before it could be cancelled.
        for leg, _ in [joining.result()] if error is None else []:
            await leg.leave()
