"""What the exit code of a command says. Documented in ``docs/how-to/command-line.md``."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final

from offhook.errors import (
    ConfigError,
    CredentialsRejected,
    DialRefused,
    JournalError,
    OffhookError,
    RateLimited,
    RequestRejected,
    StorageError,
)
from offhook.session.outcome import Disposition

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook.session.record import CallRecord


class ExitCode(IntEnum):
    """The exit codes of ``offhook call`` and ``offhook demo``."""

    #: The call was answered and ended as calls end.
    COMPLETED = 0
    #: Something broke: the network, the channel, the carrier's answer, a plugin.
    FAILED = 1
    #: Arguments, settings or files are wrong. Nothing rang.
    BAD_USAGE = 2
    #: Nobody answered, or the callee was busy or declined.
    NOT_ANSWERED = 3
    #: The call was refused: by the carrier (keys, numbers, rate), or by ourselves before it was dialled (a plugin, the
    #: double-dial guard). Nobody was rung.
    REFUSED = 4
    #: Ctrl-C, after hanging up.
    INTERRUPTED = 130
    #: SIGHUP (the terminal was closed), after hanging up.
    HUNG_UP = 129
    #: SIGTERM, after hanging up.
    TERMINATED = 143


_DISPOSITIONS: Final[Mapping[Disposition, ExitCode]] = {
    Disposition.COMPLETED: ExitCode.COMPLETED,
    Disposition.NO_ANSWER: ExitCode.NOT_ANSWERED,
    Disposition.CANCELED: ExitCode.NOT_ANSWERED,
    Disposition.DECLINED: ExitCode.NOT_ANSWERED,
    Disposition.BUSY: ExitCode.NOT_ANSWERED,
    Disposition.FAILED: ExitCode.FAILED,
}


def code_for_error(error: OffhookError) -> ExitCode:
    """The exit code for something that was raised."""
    if isinstance(error, ConfigError | StorageError) and not isinstance(error, JournalError):
        return ExitCode.BAD_USAGE
    if isinstance(error, CredentialsRejected | RequestRejected | RateLimited | DialRefused):
        return ExitCode.REFUSED
    return ExitCode.FAILED


def code_for_record(record: CallRecord) -> ExitCode:
    """The exit code for a call that took its course. One that lost a recording on the way did not go as ordered."""
    code = _DISPOSITIONS[record.disposition] if record.disposition else ExitCode.FAILED
    return ExitCode.FAILED if code is ExitCode.COMPLETED and record.problem else code
