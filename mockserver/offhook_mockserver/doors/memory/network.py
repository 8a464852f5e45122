"""The network of the memory transport: it can be cut and mended, and lose frames, for each direction and by seed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from offhook.interfaces import Direction, Ids

if TYPE_CHECKING:
    from collections.abc import Callable


_PARTS: Final = 1_000_000


class LossyDirection:
    """One direction.

    Args:
        draws: decides what is lost.

    Attributes:
        up: whether anything passes.
    """

    def __init__(self, draws: Ids) -> None:
        self.up = True
        self._share = 0
        self._draws = draws

    def lose(self, share: float) -> None:
        """From now on lose this share of the frames, from 0 to 1.

        Raises:
            ValueError: no such share.
        """
        if not 0 <= share <= 1:
            raise ValueError(f"{share!r} is no share of the frames: give 0 to 1")
        self._share = round(share * _PARTS)

    def passes(self) -> bool:
        """Whether the next frame arrives."""
        return self.up and (not self._share or self._draws.below(_PARTS) >= self._share)


class MemoryNetwork:
    """What lies between the legs of a transport and the rooms.

    Args:
        ids: seeds the loss.
    """

    def __init__(self, ids: Ids) -> None:
        # A stream of numbers for each direction: losing something one way must not change what is lost the other way.
        self.sent: LossyDirection = LossyDirection(Ids(ids.hex(16)))
        self.heard: LossyDirection = LossyDirection(Ids(ids.hex(16)))
        self._up = asyncio.Event()
        self._up.set()

    @property
    def up(self) -> bool:
        """Whether anything passes at all."""
        return self._up.is_set()

    def direction(self, direction: Direction) -> LossyDirection:
        """One of the two."""
        return self.sent if direction is Direction.SENT else self.heard

    def cut(self) -> None:
        """Nothing passes any more. Idempotent."""
        self._up.clear()
        self.sent.up = self.heard.up = False

    def mend(self) -> None:
        """It passes again. Idempotent."""
        self._up.set()
        self.sent.up = self.heard.up = True

    async def reachable(self, timeout_s: float, otherwise: Callable[[], Exception]) -> None:
        """Wait until it is up, and raise what `otherwise` gives when that takes too long."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._up.wait()
        except TimeoutError:
            raise otherwise() from None
