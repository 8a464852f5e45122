"""Clauses about joining and leaving: join(), tokens, cancelled joins, leave(), aclose(), check()."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Final

from offhook.errors import JoinFailed, TokenRejected, TransportError, TransportUnavailable
from offhook.interfaces.far_end import TokenFault
from offhook.session.events import LegClosed
from offhook.testing.conformance.clause import clause
from offhook.testing.conformance.transport.kit import TransportKit
from offhook.testing.conformance.transport.stage import CHANNEL, OTHER_CHANNEL, OUR_UID

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from offhook.interfaces import Leg
    from offhook.testing.conformance.transport.stage import Stage


#: Agora's reasons for refusing a token.
_REASONS: Final[Mapping[TokenFault, int]] = {TokenFault.FORGED: 8, TokenFault.EXPIRED: 9, TokenFault.OTHER_CHANNEL: 8}
#: Joins are cancelled after 0 to `_TURNS` - 1 turns of the loop, and at `_MOMENTS` - 1 moments spread evenly over the
#: duration of a join.
_TURNS: Final = 40
_MOMENTS: Final = 10


class JoiningClauses(TransportKit):
    """Clauses 1 to 6, and 27."""

    @clause(
        "transport-1",
        "join() returns in time, with a leg at the transport's rate that is in the channel under the uid of the grant",
    )
    async def test_join_gives_a_leg(self) -> None:
        async with self.stage() as stage:
            leg, _ = await self.bounded(stage.join(), "join() returns")
            assert leg.rate_hz == stage.transport.rate_hz, (
                f"the leg's rate_hz is {leg.rate_hz} and the transport's is {stage.transport.rate_hz}: they must be "
                "equal, since a recording is opened before the leg is joined"
            )
            uids = list(stage.far.uids(CHANNEL))
            assert uids == [OUR_UID], f"joined with uid {OUR_UID}, but the channel sees {uids}"
            await stage.join(OTHER_CHANNEL, uid=0)
            uids = list(stage.far.uids(OTHER_CHANNEL))
            assert len(uids) == 1, f"joined with uid 0, but the channel sees {uids}"
            assert uids[0], "uid 0 asks the channel to choose a uid, but the channel sees a member with uid 0"

    @clause("transport-2", "a second join with the same uid either closes the first leg for good or raises JoinFailed")
    async def test_one_leg_a_uid(self) -> None:
        async with self.stage() as stage:
            first, ear = await stage.join()
            refused = False
            with contextlib.suppress(JoinFailed):
                refused = True
                await stage.join()
                refused = False
            await stage.rest()
            closed = ear.count(LegClosed)
            assert closed == (not refused), (
                f"a second join with uid {OUR_UID} was {'refused' if refused else 'accepted'}, and the first leg "
                f"received LegClosed {closed} times: exactly one of the two legs must stay"
            )
            uids = list(stage.far.uids(CHANNEL))
            assert uids == [OUR_UID], f"after two joins with uid {OUR_UID} the channel sees {uids}: one must win"
            await self.bounded(first.leave(), "leave() of the first leg returns")

    @clause(
        "transport-3",
        "a forged token, an expired one and one for another channel raise TokenRejected with the matching reason",
    )
    async def test_bad_tokens(self) -> None:
        async with self.stage() as stage:
            for fault, reason in _REASONS.items():
                grant = stage.far.grant(CHANNEL, uid=OUR_UID, fault=fault)
                what = f"a token ({fault.value})"
                error = await self.refused(stage, grant, what)
                assert isinstance(error, TokenRejected), f"{what} must raise TokenRejected, not {type(error).__name__}"
                assert error.reason == reason, f"{what} has reason {reason}, but TokenRejected says {error.reason}"
                await stage.rest()
                uids = list(stage.far.uids(CHANNEL))
                assert not uids, f"{what} was rejected, but the channel sees {uids}"

    @clause("transport-4", "a join that is cancelled at any moment raises CancelledError and leaves nothing behind")
    async def test_cancelled_joins(self) -> None:
        async with self.stage() as stage:
            loop = asyncio.get_running_loop()
            began_s, at_first = loop.time(), len(asyncio.all_tasks())
            leg, _ = await stage.join()
            takes_s = loop.time() - began_s
            await leg.leave()
            await self.until(lambda: not stage.far.uids(CHANNEL), "the channel sees no member after leave()")
            await stage.rest()
            # Another clause tests whether a completed join leaves tasks behind.
            tasks = len(asyncio.all_tasks())
            of_each = max(0, tasks - at_first)
            moments: list[tuple[int, float]] = [(turns, 0.0) for turns in range(_TURNS)]
            if takes_s:
                moments += [(0, takes_s * moment / _MOMENTS) for moment in range(1, _MOMENTS)]
            late = 0
            for turns, after_s in moments:
                # If a join completes within a number of turns, it completes within larger numbers as well, so these
                # are skipped. Moments in seconds are never skipped.
                if not late or after_s:
                    late += await self._cancel(stage, turns, after_s)
            # Tasks are counted once, at the end, since the far end may need a while to forget cancelled joins.
            tasks += late * of_each
            await self.until(lambda: len(asyncio.all_tasks()) <= tasks, "cancelled joins leave no task")

    async def _cancel(self, stage: Stage, turns: int, after_s: float) -> bool:
        """Start a join and cancel it; returns True if it completed before it could be cancelled."""
        when = f"after {after_s:.3f} s" if after_s else f"after {turns} turns of the loop"
        joining = asyncio.create_task(stage.join())
        for _ in range(turns):
            await asyncio.sleep(0)
        if after_s:
            await asyncio.sleep(after_s)
        if joining.done():
            leg, _ = joining.result()
            await leg.leave()
            await self.until(lambda: not stage.far.uids(CHANNEL), "the channel sees no member after leave()")
            return True
        joining.cancel()
        await asyncio.wait({joining}, timeout=self.patience_s)
        assert joining.done(), f"join() cancelled {when} did not end within {self.patience_s:g} s"
        assert joining.cancelled(), f"join() cancelled {when} did not raise CancelledError: let it propagate"
        await self.until(
            lambda: not stage.far.uids(CHANNEL), f"the channel sees no member after a join cancelled {when}"
        )
        return False

    @clause("transport-5", "leave() is idempotent, returns in time, and may be called twice at once or cancelled")
    async def test_leaving(self) -> None:
        async with self.stage() as stage:

            async def twice(leg: Leg) -> None:
                await leg.leave()
                await leg.leave()

            async def at_once(leg: Leg) -> None:
                await asyncio.gather(leg.leave(), leg.leave())

            async def cancelled(leg: Leg) -> None:
                for turns in range(3):
                    leaving = asyncio.create_task(leg.leave())
                    for _ in range(turns):
                        await asyncio.sleep(0)
                    done = leaving.done()
                    leaving.cancel()
                    await asyncio.wait({leaving})
                    assert done or leaving.cancelled(), (
                        f"leave() cancelled after {turns} turns of the loop did not raise CancelledError: let it "
                        "propagate"
                    )
                await leg.leave()

            ways: dict[str, Callable[[Leg], Awaitable[None]]] = {
                "twice": twice,
                "at once": at_once,
                "cancelled": cancelled,
            }
            for way, leaves in ways.items():
                leg, _ = await stage.join()
                await self.bounded(leaves(leg), f"leave() returns ({way})")
                await self.until(
                    lambda: not stage.far.uids(CHANNEL), f"the channel sees no member after leave() ({way})"
                )

    @clause("transport-6", "aclose() is idempotent and ends legs that are up; afterwards check() and join() raise")
    async def test_closing(self) -> None:
        for joined in (False, True):
            async with self.stage() as stage:
                if joined:
                    await stage.join()
                for _ in range(2):
                    await self.bounded(stage.transport.aclose(), "aclose() returns")
                await self.until(lambda: not stage.far.uids(CHANNEL), "the channel sees no member after aclose()")
                problem = "check() of a closed transport must raise TransportUnavailable"
                await self.raises(TransportUnavailable, stage.transport.check(stage.far.endpoint), problem)
                problem = "join() of a closed transport must raise a TransportError"
                await self.raises(TransportError, stage.join(), problem)

    @clause("transport-27", "check() returns where legs can be joined and raises TransportUnavailable elsewhere")
    async def test_checking(self) -> None:
        async with self.stage() as stage:
            for when in ("before", "while", "after"):
                leg = (await stage.join())[0] if when == "while" else None
                try:
                    await self.bounded(stage.transport.check(stage.far.endpoint), "check() returns")
                except TransportError as error:
                    raise AssertionError(f"check() rejected the far end {when} a leg was up there: {error}") from error
                if leg is not None:
                    await leg.leave()
            with socket.socket() as silent:
                # Bound without listening, so that no other program takes the port meanwhile.
                silent.bind(("127.0.0.1", 0))
                nothing = f"http://127.0.0.1:{silent.getsockname()[1]}"
                elsewhere = self.elsewhere
                if elsewhere is None:
                    elsewhere = (nothing,) if stage.far.endpoint is None else (nothing, None)
                for endpoint in elsewhere:
                    at = "Agora itself (None)" if endpoint is None else endpoint
                    problem = f"check() accepted {at}, where it cannot join: it must raise TransportUnavailable"
                    checking = stage.transport.check(endpoint)
                    await self.bounded(self.raises(TransportUnavailable, checking, problem), f"check() of {at} returns")
