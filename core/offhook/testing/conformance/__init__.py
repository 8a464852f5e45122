"""Conformance kits: whether a plugin does what the core, and everybody who uses it, relies on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.testing.conformance.clause import CONTRACT, Clause, ClauseFailed, FailsAsExpected, NotClaimed, clause
from offhook.testing.conformance.kit import Conformance
from offhook.testing.conformance.report import Report, Result, Verdict, run_kit
from offhook.testing.conformance.transport import TransportConformance

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "CONTRACT",
    "KITS",
    "Clause",
    "ClauseFailed",
    "Conformance",
    "FailsAsExpected",
    "NotClaimed",
    "Report",
    "Result",
    "TransportConformance",
    "Verdict",
    "clause",
    "run_kit",
]

#: The kit of each kind of plugin.
KITS: Final[Mapping[str, type[Conformance]]] = {
    "transport": TransportConformance,
}
