"""What is written down of a call: its timeline, the documents that stores hold, and how they are read again.

What replays a call is imported on first use: it needs the whole session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook.private_files import open_private, write_private
from offhook.records.documents import (
    is_brief,
    is_unfinished,
    load_json,
    mark_interrupted,
    recordings,
    to_json,
    with_relative_paths,
)
from offhook.records.home import home, make_private

if TYPE_CHECKING:
    from offhook.records.replayed import Replay, ReplayedEntry, replay

__all__ = [
    "Replay",
    "ReplayedEntry",
    "home",
    "is_brief",
    "is_unfinished",
    "load_json",
    "make_private",
    "mark_interrupted",
    "open_private",
    "recordings",
    "replay",
    "to_json",
    "with_relative_paths",
    "write_private",
]

if not TYPE_CHECKING:  # a type checker would take any name for one of this module

    def __getattr__(name: str) -> object:
        if name not in {"Replay", "ReplayedEntry", "replay"}:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from offhook.records import replayed

        found = globals()[name] = getattr(replayed, name)
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
