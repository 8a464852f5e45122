"""What is written down of a call: its timeline, the documents that stores hold, and how they are read again."""

from __future__ import annotations

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
from offhook.records.replay import Replay, ReplayedEntry, replay

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
