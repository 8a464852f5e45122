"""Identifiers and random numbers; from one seed where a test needs them to be repeatable."""

from __future__ import annotations

import random


class Ids:
    """Makes identifiers and random numbers. Without a seed it uses the system's entropy.

    Args:
        seed: any text or number; the same seed gives the same identifiers in the same order.
    """

    def __init__(self, seed: str | int | None = None) -> None:
        self._random: random.Random = random.SystemRandom() if seed is None else random.Random(seed)

    def hex(self, digits: int) -> str:
        """`digits` random lower-case hex digits."""
        return f"{self._random.getrandbits(4 * digits):0{digits}x}"

    def below(self, limit: int) -> int:
        """A random integer in ``0 .. limit - 1``."""
        return self._random.randrange(limit)

    def fraction(self) -> float:
        """A random number from 0 (included) to 1 (excluded)."""
        return self._random.random()

    def uint32(self) -> int:
        """A random 32-bit number, for SSRCs and RTP timestamps."""
        return self._random.getrandbits(32)

    def call_id(self) -> str:
        """An identifier for one call; safe in file names."""
        return f"call_{self.hex(12)}"
