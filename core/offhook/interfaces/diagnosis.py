"""What a check of `offhook doctor` reports: findings, each with a level, a subject and a text."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """How bad a finding is; the values are codes, and stay the same between versions."""

    #: As it should be.
    FINE = "fine"
    #: Worth knowing; nothing has to be done about it.
    NOTE = "note"
    #: Something does not work, or works differently from what the user wants. `offhook doctor` then exits with 1.
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of a check.

    Attributes:
        level: how bad it is.
        subject: what was checked, in one to three words.
        text: what was found and, unless it is fine, what to do about it; never the value of a setting, which may be a
            key.
        lines: details, such as the end of a traceback.
    """

    level: Level
    subject: str
    text: str
    lines: tuple[str, ...] = ()
