"""Conformance kits: whether a plugin does what the core, and everybody who uses it, relies on."""

from __future__ import annotations

from offhook.testing.conformance.clause import CONTRACT, Clause, ClauseFailed, FailsAsExpected, NotClaimed, clause
from offhook.testing.conformance.kit import Conformance
from offhook.testing.conformance.report import Report, Result, Verdict, run_kit

__all__ = [
    "CONTRACT",
    "Clause",
    "ClauseFailed",
    "Conformance",
    "FailsAsExpected",
    "NotClaimed",
    "Report",
    "Result",
    "Verdict",
    "clause",
    "run_kit",
]
