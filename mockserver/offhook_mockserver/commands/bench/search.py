"""How the number of calls is found that a process carries: doubled until a trial fails, then halved between.

A number counts as failed when two trials of it fail: other programs can spoil a single one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

#: How exact the result is, as a share of itself.
_EXACT: Final = 0.1
#: The part of the calls that a process carries which it should be given.
_ADVISED: Final = 0.8


class Search:
    """Says which number of calls to try next.

    Args:
        first: the first number that is tried.
        most: the greatest number that is tried.
    """

    def __init__(self, first: int, most: int) -> None:
        self._next = min(first, most)
        self._most = most
        #: The number of which one trial has failed.
        self._doubted = 0
        #: The greatest number that went well; 0 if none did.
        self.carried: int = 0
        #: The smallest number that did not go well; None if there is none so far.
        self.failed: int | None = None

    def __iter__(self) -> Iterator[int]:
        """The numbers to try; `note` must be called with each result before the next one is taken."""
        while not self.done:
            yield self._next

    @property
    def done(self) -> bool:
        """Whether the result is exact enough, or `most` calls went well."""
        if self.failed is None:
            return self.carried >= self._most
        return self.failed - self.carried <= max(1, int(_EXACT * self.carried))

    @property
    def advice(self) -> int:
        """The `call_limit` to set; 0 if not even one call went well."""
        return int(_ADVISED * self.carried) or min(1, self.carried)

    def note(self, calls: int, *, good: bool) -> None:
        """Take the result of a trial."""
        if good:
            self.carried = max(self.carried, calls)
        elif self._doubted != calls:
            self._doubted = calls
            return
        else:
            self.failed = calls if self.failed is None else min(self.failed, calls)
        if self.failed is None:
            self._next = min(2 * self.carried, self._most)
        else:
            self._next = max(1, (self.carried + self.failed) // 2)
