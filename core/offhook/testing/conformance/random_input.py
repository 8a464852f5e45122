"""Random input for clauses. If Hypothesis is installed, it draws the input and looks for the smallest that fails."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Final, Protocol

from offhook.interfaces.frame import SAMPLE_BYTES, pcm_of
from offhook.interfaces.ids import Ids

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis.strategies import DataObject

#: The number of samples that are drawn one by one.
_DRAWN: Final = 4


class Draw(Protocol):
    """The source of a check's random input."""

    def integer(self, least: int, most: int) -> int:
        """Return a number from `least` to `most`, both included."""
        ...

    def pcm(self, samples: int) -> bytes:
        """Return random PCM of that length."""
        ...


class _Seeded:
    def __init__(self, seed: int) -> None:
        self._ids = Ids(seed)

    def integer(self, least: int, most: int) -> int:
        if self._ids.below(4) == 0:  # one of the two ends, where mistakes are likely
            return (least, most)[self._ids.below(2)]
        return least + self._ids.below(most - least + 1)

    def pcm(self, samples: int) -> bytes:
        size = samples * SAMPLE_BYTES
        return bytes.fromhex(self._ids.hex(2 * size)) if size else b""


class _Drawn:
    def __init__(self, data: DataObject) -> None:
        self._data = data

    def integer(self, least: int, most: int) -> int:
        from hypothesis import strategies

        return self._data.draw(strategies.integers(least, most))

    def pcm(self, samples: int) -> bytes:
        # Not byte by byte, which takes seconds: the first samples are drawn one by one, the rest by a seed.
        head = [self.integer(-32768, 32767) for _ in range(min(samples, _DRAWN))]
        return pcm_of(array("h", head)) + _Seeded(self.integer(0, 1_000)).pcm(samples - len(head))


def for_all(check: Callable[[Draw], None], examples: int) -> None:
    """Call `check` several times, each time with other random input; the inputs are the same in every test run.

    Args:
        check: is called with the source of its input.
        examples: the number of calls.

    Raises:
        AssertionError: whatever `check` raises.
    """
    try:
        import hypothesis
        from hypothesis import strategies
    except ImportError:
        for seed in range(examples):
            check(_Seeded(seed))
        return

    @hypothesis.settings(
        max_examples=examples,
        database=None,
        deadline=None,
        derandomize=True,
        phases=(hypothesis.Phase.generate, hypothesis.Phase.shrink),
        suppress_health_check=(hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.data_too_large),
    )
    @hypothesis.given(strategies.data())
    def drawn(data: DataObject) -> None:
        check(_Drawn(data))

    drawn()
