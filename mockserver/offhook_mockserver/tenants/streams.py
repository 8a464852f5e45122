"""The streams of events that the clients of one tenant read: bounded in number, and ended with the tenant."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


#: Streams of one API that may be open at once for one tenant.
MOST_STREAMS: Final = 16


class Streams:
    """The open streams of one tenant. Used on the loop of the mock.

    Attributes:
        ended: why every stream must end, for people; empty while they may go on.
    """

    def __init__(self) -> None:
        self._open: list[tuple[str, Callable[[], object]]] = []
        self.ended: str = ""

    def __len__(self) -> int:
        return len(self._open)

    def is_full(self, api: str) -> bool:
        """Whether an API has as many open streams as it may have. Those of another API do not count."""
        return sum(1 for each, _ in self._open if each == api) >= MOST_STREAMS

    @contextlib.contextmanager
    def reading(self, api: str, wake: Callable[[], object]) -> Generator[None]:
        """Count a stream of an API as open inside the `with` block; `wake` is called when every stream must end."""
        opened = (api, wake)
        self._open.append(opened)
        try:
            yield
        finally:
            self._open.remove(opened)

    def end(self, why: str) -> None:
        """End every stream, and let later ones end at once. Idempotent: the first reason stays."""
        self.ended = self.ended or why
        for _, wake in self._open:
            wake()
