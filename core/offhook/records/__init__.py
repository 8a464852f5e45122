"""What is written down: the timeline of a call, and what stores are given and give back."""

from __future__ import annotations

from offhook.records.documents import beside, is_unfinished, mark_interrupted, of_json, recordings, to_json
from offhook.records.home import home, make_private

__all__ = [
    "beside",
    "home",
    "is_unfinished",
    "make_private",
    "mark_interrupted",
    "of_json",
    "recordings",
    "to_json",
]
