"""Clauses about the process around a transport: resources, programs that end, counters, secrets."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import warnings
from typing import TYPE_CHECKING, Final

from offhook.errors import TransportError
from offhook.interfaces.far_end import TokenFault
from offhook.testing.conformance.clause import clause
from offhook.testing.conformance.transport.kit import TransportKit
from offhook.testing.conformance.transport.stage import CHANNEL, OTHER_CHANNEL, OUR_UID, Ear, talk
from offhook.testing.resources import Resources
from offhook.testing.virtual_time import VirtualLoop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from offhook.interfaces.grant import Grant


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

    @clause("transport-25", "no token appears in a repr(), in a log record at DEBUG or in an error")
    async def test_no_secret_is_shown(self) -> None:
        shown = _Shown()
        root = logging.getLogger()
        level = root.level
        root.addHandler(shown)
        root.setLevel(logging.DEBUG)
        try:
            await self._show(shown)
        finally:
            root.removeHandler(shown)
            root.setLevel(level)

    async def _show(self, shown: _Shown) -> None:
        async with self.stage() as stage:
            grants: list[Grant] = [
                stage.far.grant(CHANNEL, uid=OUR_UID),
                stage.far.grant(CHANNEL, uid=OUR_UID),
                stage.far.grant(CHANNEL, uid=OUR_UID, fault=TokenFault.FORGED),
                stage.far.grant(OTHER_CHANNEL, uid=OUR_UID, fault=TokenFault.EXPIRED),
            ]
            pair = await stage.pair(grant=grants[0])
            if self.claims("renewal"):
                await pair.leg.renew(grants[1])
                refused: Awaitable[object] = pair.leg.renew(grants[2])
                shown.raised(await self.raises(TransportError, refused, "renew() accepted a forged token"))
            for grant in grants[2:]:
                refused = stage.join(grant=grant)
                shown.raised(await self.raises(TransportError, refused, "a bad token opened the channel"))
            shown.texts += [("repr(transport)", repr(stage.transport)), ("repr(leg)", repr(pair.leg))]
            shown.texts += [("counters()", repr(pair.leg.counters()))]
            await pair.leg.leave()
            for grant in grants:
                token = grant.token.reveal()
                where = sorted({place for place, text in shown.texts if token in text})
                assert not where, f"the grant's token appears in: {', '.join(where)}"


class _Shown(logging.Handler):
    """Collects every text that a person could read."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.texts: list[tuple[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        place = f"a log record of {record.name} at {record.levelname}"
        self.texts.append((place, f"{record.getMessage()} {record.args!r}"))

    def raised(self, error: BaseException | None) -> None:
        """Collect the messages of an error and its causes."""
        while error is not None:
            self.texts.append((f"the message of a {type(error).__name__}", f"{error} {error!r}"))
            error = error.__cause__
