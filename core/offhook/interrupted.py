"""Calls whose process died: how their records are marked, and the sentence that a person is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.documents import recordings

if TYPE_CHECKING:
    from offhook.interfaces.store import Document

PROBLEM: Final = "the process that made this call died in mid-call: it was killed, or the machine went down"


def mark_interrupted(record: Document) -> dict[str, object]:
    """The record as that of an interrupted call. What ended it comes before what it had survived."""
    return {**record, "interrupted": True, "problem": PROBLEM}


def is_unfinished(record: Document) -> bool:
    """Whether the call goes on, as far as its record knows."""
    return record.get("ended_at_s") is None and not record.get("interrupted")


def tell(record: Document) -> str:
    """Which call, to whom (masked), when, where its recording is, and where to read on."""
    files = ", ".join(recordings(record).values())
    recording = f"; recording: {files}" if files else "; nothing was recorded"
    return (
        f"the call {record.get('call_id')} to {record.get('number')} of {record.get('dialed_at')} was interrupted: its "
        f"process died{recording}; see: offhook records show {record.get('call_id')}"
    )
