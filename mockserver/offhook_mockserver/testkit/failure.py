"""The report of a failed test, in lines for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.secret import redact
from offhook.wording import describe, printable
from offhook_mockserver.testkit.shortened import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from offhook_mockserver.testkit.evidence import Evidence

#: How many of the journal's last entries are shown, and how many explanations.
_MOST_ENTRIES: Final = 10
_MOST_EXPLANATIONS: Final = 3
#: How many faults are shown, the latest ones.
_MOST_FAULTS: Final = 10


def failure_report(evidence: Evidence, folder: Path | None, problem: str = "") -> str:
    """Say what happened in a test.

    Args:
        evidence: what is known of it.
        folder: where the rest was written, or None.
        problem: why nothing was written, although it should have been.
    """
    return redact("\n".join(_lines(evidence, folder, problem)))


def _written(evidence: Evidence) -> list[str]:
    """What the folder holds, in short; see `write_artefacts`."""
    has_audio = any(call.audio is not None for call in evidence.calls)
    there = {
        "timeline": True,
        "journal": True,
        "audio": has_audio,
        "picture": has_audio,
        "statistics": True,
        "script": bool(evidence.scripts),
    }
    return [name for name, is_there in there.items() if is_there]


def _lines(evidence: Evidence, folder: Path | None, problem: str) -> Iterator[str]:
    if evidence.headlines:
        yield from (printable(headline) for headline in evidence.headlines)
        yield ""
    for verdict in evidence.verdicts[:_MOST_EXPLANATIONS]:
        yield from verdict.explanation.splitlines()
        yield ""
    for figure in evidence.figures[:_MOST_EXPLANATIONS]:
        yield from figure.explanation.splitlines()
        yield ""
    if evidence.timeline:
        yield "Timeline, in seconds; in brackets, seconds since the callee answered:"
        yield from shortened(evidence.timeline)
    else:
        yield "No call rang, and nothing else happened."
    yield ""
    left = [leftover.what for leftover in evidence.leftovers if leftover.what not in evidence.headlines]
    if left or evidence.applications:
        yield "When the test failed:"
        yield from (f"  {printable(what)}" for what in left)
        yield from (f"  the application had raised {describe(error)}" for error in evidence.applications)
        yield ""
    if evidence.faults:
        yield "Faults that the test made:"
        yield from (f"  {printable(fault)}" for fault in evidence.faults[-_MOST_FAULTS:])
        yield ""
    if evidence.entries:
        last = evidence.entries[-_MOST_ENTRIES:]
        yield f"Journal, the last {len(last)} of {len(evidence.entries) + evidence.dropped} entries:"
        yield from (f"  {entry}" for entry in last)
        yield ""
    if evidence.callers_problem:
        yield f"What the application's phones wrote down could not be read: {evidence.callers_problem}"
    if evidence.stall is not None:
        yield f"Beware: {evidence.stall.text}."
    yield f"{'Virtual' if evidence.virtual else 'Real'} time, seed {evidence.seed}."
    if folder is not None:
        written = _written(evidence)
        yield f"{', '.join(written[:-1]).capitalize()} and {written[-1]}: {folder}"
    if problem:
        yield problem
