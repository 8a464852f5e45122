"""Makes what pytest prints of an error short: a verdict's text once, and no module before names of the kit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

#: The modules of errors whose names say enough in the summary of pytest.
_OURS: Final = ("offhook_mockserver.testkit.", "offhook.errors.")


class _Crash(Protocol):
    message: str


class _HasCrash(Protocol):
    reprcrash: _Crash | None


def shorten_verdicts(error: BaseException, verdicts: Sequence[object]) -> None:
    """Let the message of an assertion have the text of each verdict once; pytest repeats it in its lines ``where``.

    Args:
        error: what the test failed with.
        verdicts: the verdicts that its assertion used.
    """
    message: object = error.args[0] if len(error.args) == 1 else None
    if not isinstance(error, AssertionError) or not isinstance(message, str):
        return
    for verdict in verdicts:
        text = repr(verdict)
        first, found, rest = message.partition(text)
        message = first + found + rest.replace(text, f"{text.partition(':')[0]}>")
    error.args = (message,)


def shorten_summary(report: pytest.TestReport) -> None:
    """Let the summary of a session name an error of offhook without its module: its lines are cut at 80 characters."""
    crash = cast("_HasCrash", report.longrepr).reprcrash if hasattr(report.longrepr, "reprcrash") else None
    if crash is not None:
        for module in _OURS:
            crash.message = crash.message.removeprefix(module)
