"""Identifiers and random numbers; from one seed where a test needs them to be repeatable."""

from __future__ import annotations

import random

from offhook.arguments import check_instance, wrong


class Ids:
    """Makes identifiers and random numbers. Without a seed it uses the system's entropy.

    Args:
        seed: any text or number; the same seed gives the same identifiers in the same order.

    Raises:
        ConfigError: the seed is neither text nor a whole number.
    """

    def __init__(self, seed: str | int | None = None) -> None:
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, str | int)):  # pyright: ignore[reportUnnecessaryIsInstance] - programs may pass anything
            raise wrong("seed", "text, a whole number or None", seed)
        if isinstance(seed, str) and not seed.isascii():
            try:
                seed.encode()
            except UnicodeEncodeError:
                raise wrong("seed", "text without half of a surrogate pair", seed) from None
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


def check_ids(ids: object) -> Ids:
    """Check an argument that must be `Ids`.

    Raises:
        ConfigError: it is something else.
    """
    guess = f"Write Ids({ids!r})" if isinstance(ids, str | int) and len(repr(ids)) < 40 else ""
    return check_instance(ids, "ids", Ids, "an offhook.interfaces.Ids", guess)
