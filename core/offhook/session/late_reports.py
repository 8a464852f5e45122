"""What a carrier's report does to a call whose outcome is known already, as tables.

Webhooks arrive late, twice and in any order. A report can add what the channel does not show: why the callee did not
answer, and what became of a call of which it was not known whether it rang. It never changes what we saw ourselves, and
never replaces a report that knew more.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

from offhook.session.outcome import Disposition

if TYPE_CHECKING:
    from collections.abc import Mapping


class LateEffect(Enum):
    """What a report does. The values help when debugging; no effect is written down."""

    #: What was reported becomes the outcome.
    AMENDS = "amends"
    #: The outcome stays, and the record keeps the report beside it, if that is the first report of the call.
    KEPT = "kept"


_ANY: Final = (Disposition.COMPLETED, Disposition.NO_ANSWER, Disposition.DECLINED, Disposition.BUSY)

#: Disposition of the call → reported disposition → effect. What is not here changes nothing.
LATE_REPORTS: Final[Mapping[Disposition, Mapping[Disposition, LateEffect]]] = {
    Disposition.COMPLETED: {Disposition.COMPLETED: LateEffect.KEPT},
    Disposition.NO_ANSWER: {
        Disposition.NO_ANSWER: LateEffect.KEPT,
        Disposition.DECLINED: LateEffect.AMENDS,
        Disposition.BUSY: LateEffect.AMENDS,
    },
    Disposition.DECLINED: {},
    Disposition.BUSY: {},
    Disposition.CANCELED: {
        Disposition.NO_ANSWER: LateEffect.KEPT,
        Disposition.DECLINED: LateEffect.KEPT,
        Disposition.BUSY: LateEffect.KEPT,
    },
    # Something broke on our side of the channel; what the callee did is known to the carrier alone.
    Disposition.FAILED: dict.fromkeys(_ANY, LateEffect.KEPT),
}

#: The same for a call that the carrier did not accept as far as we know, before `LATE_REPORTS` is looked at: its answer
#: was lost, for example.
LATE_REPORTS_IF_UNKNOWN: Final[Mapping[Disposition, Mapping[Disposition, LateEffect]]] = {
    Disposition.CANCELED: dict.fromkeys(_ANY, LateEffect.KEPT),
    Disposition.FAILED: dict.fromkeys(_ANY, LateEffect.AMENDS),
}


def late_effect(known: Disposition, reported: Disposition, *, accepted: bool) -> LateEffect | None:
    """Return what a report does to a call whose outcome is known; None if it changes nothing.

    Args:
        known: the call's disposition.
        reported: the reported one.
        accepted: whether the carrier accepted the call.
    """
    unknown = {} if accepted else LATE_REPORTS_IF_UNKNOWN.get(known, {})
    return unknown.get(reported) or LATE_REPORTS[known].get(reported)
