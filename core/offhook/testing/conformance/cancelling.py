"""Cancelling a call of a part: it must end soon, with CancelledError, at whatever moment it is cancelled."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from offhook.testing.conformance.kit import Conformance

#: Calls are cancelled after 0 to `_TURNS` - 1 turns of the loop, and at `_MOMENTS` - 1 moments spread evenly over the
#: time that a call takes.
_TURNS: Final = 20
_MOMENTS: Final = 5
#: A call that takes longer than this is not waited for: all moments lie in its beginning.
_MOST_S: Final = 1.0


async def _nothing() -> None:
    pass


async def cancel_everywhere(
    kit: Conformance,
    start: Callable[[], Coroutine[object, object, object]],
    what: str,
    *,
    after: Callable[[], Awaitable[object]] = _nothing,
) -> None:
    """Cancel a call of a part again and again, each time at another moment.

    Args:
        kit: the kit.
        start: starts a new call; its errors are ignored.
        what: names the call in the message of a failure.
        after: awaited after each call.

    Raises:
        AssertionError: a cancelled call did not end, or ended without CancelledError.
    """
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    whole = asyncio.ensure_future(start())
    await asyncio.wait({whole}, timeout=_MOST_S)
    took_s = loop.time() - began_s
    await _cancel(kit, whole, what, f"after {took_s:.3f} s")
    await after()
    moments = [(turns, 0.0) for turns in range(_TURNS)]
    if took_s:
        moments += [(0, took_s * moment / _MOMENTS) for moment in range(1, _MOMENTS)]
    done = False
    for turns, after_s in moments:
        if done and not after_s:
            continue  # it was done within a smaller number of turns
        call = asyncio.ensure_future(start())
        for _ in range(turns):
            await asyncio.sleep(0)
        if after_s:
            await asyncio.sleep(after_s)
        when = f"after {after_s:.3f} s" if after_s else f"after {turns} turns of the loop"
        done |= not await _cancel(kit, call, what, when)
        await after()


async def _cancel(kit: Conformance, call: asyncio.Future[object], what: str, when: str) -> bool:
    """Cancel a call unless it is done; returns whether it was cancelled."""
    if call.done():
        with contextlib.suppress(Exception):
            call.result()
        return False
    call.cancel()
    await kit.bounded(asyncio.wait({call}), f"{what} ends when it is cancelled {when}")
    if not call.cancelled():
        error = call.exception()
        how = f"raised {type(error).__name__}" if error is not None else "returned"
        raise AssertionError(
            f"{what} was cancelled {when} and {how}, although it must raise CancelledError: let it propagate"
        )
    return True
