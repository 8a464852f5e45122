"""Fewer collections of garbage while a virtual loop runs.

Python looks for cycles of garbage after every 700 objects that were made and not freed. A thousand calls on one loop
have more objects than that under way in every 20 ms, none of them garbage: nearly all the looking is in vain, and from
time to time it goes through everything that the process holds.
"""

from __future__ import annotations

import contextlib
import gc
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Generator

#: After how many new objects Python looks for garbage while a virtual loop runs: 5 MB or so.
NEW_OBJECTS: Final = 20_000


@contextlib.contextmanager
def rarely_collected() -> Generator[None]:
    """Look for garbage after `NEW_OBJECTS` new objects during the body.

    Nothing changes where that is rarer already, or was turned off; or in the end, if another one has set it meanwhile.
    """
    before = gc.get_threshold()
    if not 0 < before[0] < NEW_OBJECTS:
        yield
        return
    ours = (NEW_OBJECTS, *before[1:])
    gc.set_threshold(*ours)
    try:
        yield
    finally:
        if gc.get_threshold() == ours:
            gc.set_threshold(*before)
