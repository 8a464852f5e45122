"""What a void run failed with, whether a busy machine explains it, and whether several void runs failed alike."""

from __future__ import annotations

import re
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from offhook_mockserver.testkit import MockHandle
    from offhook_mockserver.testkit.verdicts import Answered

#: Figures of several runs are about the same if they differ by at most this share of the largest, or this much.
_SAME: Final = 0.2
_LEAST_DIFFERENCE_S: Final = 0.01
#: A wait that gave up earlier after the last event may have been about to end.
_LEAST_IDLE_S: Final = 1.0
#: How figures stand in texts.
_FIGURE: Final = re.compile(r"\d+(?:\.\d+)?")
#: How much of an error the line of a run shows.
_CHARACTERS: Final = 160


@dataclass(frozen=True, slots=True)
class Failure:
    """What a run failed with, in terms that are the same if the application does the same again.

    Attributes:
        what: what failed: the questions, how the call ended, or the class of the error; empty if nothing tells two
            failures of this kind apart, as for a timeout.
        figures_s: the figures that belong to it, in seconds: by how much limits were missed, how long nothing had
            happened, or what was measured.
        off_by: whether `figures_s` says by how much limits were missed, at least.
    """

    what: str
    figures_s: tuple[float, ...] = ()
    off_by: bool = False


@dataclass(frozen=True, slots=True)
class VoidRun:
    """A void run.

    Attributes:
        place: the line that failed.
        failure: what it failed with.
        stood_still_s: how long the mock's loop stood still, in all.
        line: what happened, for people.
        longrepr: the failure, as its report had it.
    """

    place: str
    failure: Failure
    stood_still_s: float
    line: str
    longrepr: object


def time_explains(handle: MockHandle, error: BaseException) -> bool | None:
    """Whether a busy machine can have caused an error; None if nothing says it.

    It explains timeouts and assertions about audio in time. It does not explain an assertion about what was heard
    alone, a script that failed, or any other error that an application raised.
    """
    from offhook_mockserver.testkit.timeouts import is_timeout

    raised = [started.error for started in handle.failed_applications() if started.error is not None]
    if not all(map(is_timeout, raised)):
        return False
    if is_timeout(error):
        return bool(getattr(error, "about_time", True))
    verdicts = handle.verdicts.behind(error)
    return any(verdict.about_time for verdict in verdicts) if verdicts else None


def off_by_s(handle: MockHandle, error: BaseException) -> float | None:
    """By how much the answers of a failed assertion missed their limits, at least; None if one does not say that."""
    about_time = [verdict for verdict in handle.verdicts.behind(error) if verdict.about_time]
    wrong = [verdict.off_by_s for verdict in about_time if not verdict.passed] or [None]
    figures = [figure for figure in wrong if figure is not None]
    return min(figures) if len(figures) == len(wrong) else None


def failure_of(
    handle: MockHandle, error: BaseException, *, explained: bool | None, idle_s: float, stood_s: float
) -> Failure:
    """Return what a run failed with.

    Args:
        handle: the mock of the test.
        error: what it failed with.
        explained: whether a busy machine can have caused it; None if nothing says it.
        idle_s: for how long nothing had happened in the mock then, in seconds.
        stood_s: for how long the mock's loop had stood still in all.
    """
    from offhook_mockserver.testkit.timeouts import is_timeout

    if explained is None:
        return Failure(type(error).__name__)
    if is_timeout(error):
        if over := str(getattr(error, "over", "")):
            return Failure(over)
        return Failure("nothing happened", (idle_s,)) if idle_s > max(_LEAST_IDLE_S, stood_s) else Failure("")
    off_s = off_by_s(handle, error)
    verdicts = handle.verdicts.behind(error)
    if off_s is not None:
        return Failure(_names(verdicts), (off_s,), off_by=True)
    measured = [float(figure) for verdict in verdicts for figure in _FIGURE.findall(_measured(verdict))]
    return Failure(_names(verdicts), tuple(measured))


def _names(verdicts: Sequence[Answered]) -> str:
    """The questions without the figures that differ from run to run, and their answers."""
    return ", ".join(
        _FIGURE.sub("#", _measured(verdict)) or f"{_first(verdict).partition('(')[0]} is {str(verdict.passed).lower()}"
        for verdict in verdicts
    )


def _measured(verdict: Answered) -> str:
    """What a figure says; empty for the answer to a question, whose figures are its limits."""
    from offhook.testing.audio import Figure

    return _first(verdict) if isinstance(verdict, Figure) else ""


def _first(verdict: Answered) -> str:
    return verdict.explanation.partition("\n")[0]


def why_failed(runs: Sequence[VoidRun]) -> str:
    """Say that void runs failed alike, which makes them a failure; empty if they did not.

    That is in the same line and with the same failure, and if it has figures, with about the same ones.
    """
    if _difference(runs):
        return ""
    failure, stood = runs[0].failure, ", ".join(f"{run.stood_still_s:.2f}" for run in runs)
    so = (
        f"The mock's loop stood still for {stood} s in all. A busy machine does not do the same three times, so the "
        "test has failed."
    )
    figures = ", ".join(f"{run.failure.figures_s[0]:.2f}" for run in runs if run.failure.figures_s)
    alike = f"off by about as much: {figures} s" if failure.off_by else f"with {failure.what}"
    if failure.figures_s and not failure.off_by:
        alike += f", and about the same figures: {figures} s"
    return f"Each of {len(runs)} runs failed at {runs[0].place}, {alike}. {so}"


def why_void(runs: Sequence[VoidRun], stopped: bool) -> str:
    """Say by which rule a test is void.

    Args:
        runs: its runs.
        stopped: whether the session ended before the test could be run three times.
    """
    rule = "void: time may explain each failure, the loop stood still during a call in each run, and"
    if stopped:
        return f"{rule} the session ended before it was run three times"
    return f"{rule} the failures are not alike: {_difference(runs)}"


def _difference(runs: Sequence[VoidRun]) -> str:
    """What tells the failures of runs apart; empty if they are alike."""
    if len({run.place for run in runs}) > 1:
        return "they failed in different lines"
    if len({run.failure.what for run in runs}) > 1:
        return "they failed with different errors, answers or steps"
    if not runs[0].failure.what:
        return "nothing tells one timeout from another, unless nothing had happened for more than a second"
    columns = [run.failure.figures_s for run in runs]
    if len({len(column) for column in columns}) > 1 or not all(map(_about_same, zip(*columns, strict=True))):
        figures = ", ".join(f"{column[0]:.2f}" for column in columns if column)
        return f"they are {'off by' if runs[0].failure.off_by else 'about'} different figures, {figures} s"
    return ""


def _about_same(figures: Sequence[float]) -> bool:
    return max(figures) - min(figures) <= max(_LEAST_DIFFERENCE_S, _SAME * max(figures))


def run_line(error: BaseException, file: Path, failure: Failure, stood_s: float, worst_s: float) -> str:
    """Say where a run failed, with what, and how long the mock's loop stood still.

    Args:
        error: what it failed with.
        file: the file of the test.
        failure: the same, as runs are compared.
        stood_s: how long the loop stood still, in all.
        worst_s: the longest standstill.
    """
    text = f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}".removesuffix(": ")
    text = text if len(text) <= _CHARACTERS else f"{text[: _CHARACTERS - 1]}…"
    off = f"; off by {failure.figures_s[0]:.2f} s" if failure.off_by else ""
    stood = f"the mock's loop stood still for {stood_s:.2f} s in all, {worst_s * 1000:.0f} ms at most"
    return f"{place_of(error, file)}{text}{off}; {stood}"


def place_of(error: BaseException, file: Path) -> str:
    """The line of the test's file that failed, and a colon; empty if none did."""
    lines = [line for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == str(file)]
    return f"{file.name}:{lines[-1]}: " if lines else ""
