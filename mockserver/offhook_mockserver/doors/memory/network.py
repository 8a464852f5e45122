"""The network of the memory transport: it can be cut and mended, and lose frames in each direction, by seed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from offhook.arguments import check_number
from offhook.interfaces import Direction, Ids

if TYPE_CHECKING:
    from collections.abc import Callable


_PARTS: Final = 1_000_000


class LossyDirection:
    """One direction of the network.

    Args:
        draws: random numbers that decide which frames are lost.

    Attributes:
        perfect: whether the network is up and loses nothing, so that `passes` need not be called.
    """

    def __init__(self, draws: Ids) -> None:
        self.perfect: bool = True
        self._up = True
        self._share = 0
        self._draws = draws

    def lose(self, share: float) -> None:
        """From now on lose this share of the frames, from 0 to 1.

        Raises:
            ConfigError: `share` is not a number between 0 and 1.
        """
        self._share = round(check_number(share, "share", least=0, most=1) * _PARTS)
        self.perfect = self._up and not self._share

    def set_up(self, up: bool) -> None:
        """The network is up or down from now on."""
        self._up = up
        self.perfect = up and not self._share

    def passes(self) -> bool:
        """Whether the next frame arrives."""
        return self._up and (not self._share or self._draws.below(_PARTS) >= self._share)


class MemoryNetwork:
    """The network between the legs of a transport and the rooms.

    Args:
        ids: seeds the losses.
    """

    def __init__(self, ids: Ids) -> None:
        # Each direction has its own random numbers: a loss one way must not change the losses the other way.
        self.sent: LossyDirection = LossyDirection(Ids(ids.hex(16)))
        self.heard: LossyDirection = LossyDirection(Ids(ids.hex(16)))
        self._up = asyncio.Event()
        self._up.set()

    @property
    def up(self) -> bool:
        """Whether the network is up."""
        return self._up.is_set()

    def direction(self, direction: Direction) -> LossyDirection:
        """The network in one direction."""
        return self.sent if direction is Direction.SENT else self.heard

    def cut(self) -> None:
        """Cut it: nothing passes. Idempotent."""
        self._up.clear()
        self.sent.set_up(False)
        self.heard.set_up(False)

    def mend(self) -> None:
        """Mend it. Idempotent."""
        self._up.set()
        self.sent.set_up(True)
        self.heard.set_up(True)

    async def reachable(self, timeout_s: float, otherwise: Callable[[], Exception]) -> None:
        """Wait until it is up; after `timeout_s`, raise the exception that `otherwise` returns."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._up.wait()
        except TimeoutError:
            raise otherwise() from None
