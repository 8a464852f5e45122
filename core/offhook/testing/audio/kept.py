"""The limit of what was kept of a call: questions that need more raise an error instead of returning a wrong answer."""

from __future__ import annotations

import math
from dataclasses import dataclass

from offhook.errors import CallStateError

#: Lengths of a call and of its audio that differ by less are the same.
_SAME_S = 0.001


@dataclass(frozen=True, slots=True)
class Kept:
    """How much of a call was kept.

    Attributes:
        until_s: where the kept audio ends.
        lasted_s: when the call ended.
        cure: how to keep more, for messages.
    """

    until_s: float
    lasted_s: float
    cure: str = ""

    @property
    def whole(self) -> bool:
        """Whether everything was kept."""
        return self.until_s > self.lasted_s - _SAME_S

    @property
    def limit(self) -> str:
        """What was kept, for messages."""
        return f"only the first {self._until} s of {self.lasted_s:.4g} s are kept"

    @property
    def _until(self) -> str:
        return f"{math.floor(self.until_s * 100) / 100:g}"  # not rounded up: `Heard.until` accepts it

    def need(self, question: str, to_s: float | None = None) -> None:
        """Check that the audio up to `to_s` was kept; None stands for the end of the call.

        Raises:
            CallStateError: it was not.
        """
        if self.whole or (to_s is not None and to_s <= self.until_s):
            return
        where = "to its end" if to_s is None else f"up to {to_s:.2f} s"
        cure = f": {self.cure}" if self.cure else ""
        raise CallStateError(
            f"{question} is about the call {where}, and {self.limit}{cure}. "
            f"heard.until({self._until}) answers questions about the kept part"
        )
