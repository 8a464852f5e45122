"""The exit codes of commands. They are documented in ``docs/how-to/command-line.md``."""

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
    TransportNotSetUp,
)
from offhook.session.outcome import Disposition

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook.session.record import CallRecord


class ExitCode(IntEnum):
    """The exit codes of ``offhook call`` and ``offhook demo``."""

    #: The call was answered and ended normally.
    COMPLETED = 0
    #: Something broke: the network, the channel, the carrier's answer, a plugin.
    FAILED = 1
    #: Arguments, settings, files or what is installed are wrong. Nothing rang.
    BAD_USAGE = 2
    #: No answer, busy, declined or canceled.
    NOT_ANSWERED = 3
    #: The call was refused and nothing rang: by the carrier (keys, numbers, rate), or before it was dialled (by a
    #: plugin, or because the number is being called already).
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


#: By class: an error has the code of its own class, or of the nearest base class that has one.
_ERRORS: Final[Mapping[type[OffhookError], ExitCode]] = {
    OffhookError: ExitCode.FAILED,
    ConfigError: ExitCode.BAD_USAGE,
    StorageError: ExitCode.BAD_USAGE,
    JournalError: ExitCode.FAILED,
    CredentialsRejected: ExitCode.REFUSED,
    RequestRejected: ExitCode.REFUSED,
    RateLimited: ExitCode.REFUSED,
    DialRefused: ExitCode.REFUSED,
    TransportNotSetUp: ExitCode.BAD_USAGE,
}


def code_for_error(error: OffhookError) -> ExitCode:
    """Return the exit code of an error, by its class."""
    return next(_ERRORS[kind] for kind in type(error).__mro__ if kind in _ERRORS)


def code_for_record(record: CallRecord) -> ExitCode:
    """Return the exit code of a call that has ended. A completed call that lost a recording counts as failed."""
    code = _DISPOSITIONS[record.disposition] if record.disposition else ExitCode.FAILED
    return ExitCode.FAILED if code is ExitCode.COMPLETED and record.problem else code
