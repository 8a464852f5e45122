"""Conformance kits: whether a plugin does what the core and its other users rely on."""

from __future__ import annotations

from offhook.testing.conformance.auth import AuthConformance
from offhook.testing.conformance.carrier import CarrierConformance
from offhook.testing.conformance.clause import (
    CONTRACT,
    Clause,
    ClauseFailed,
    FailsAsExpected,
    NotClaimed,
    clause,
    tests_of,
)
from offhook.testing.conformance.filter import FilterConformance
from offhook.testing.conformance.kit import Conformance
from offhook.testing.conformance.kits import KITS
from offhook.testing.conformance.report import Report, Result, Verdict, run_kit
from offhook.testing.conformance.resampler import ResamplerConformance
from offhook.testing.conformance.sink import SinkConformance
from offhook.testing.conformance.source import SourceConformance
from offhook.testing.conformance.store.clauses import StoreConformance
from offhook.testing.conformance.transport.clauses import TransportConformance

__all__ = [
    "CONTRACT",
    "KITS",
    "AuthConformance",
    "CarrierConformance",
    "Clause",
    "ClauseFailed",
    "Conformance",
    "FailsAsExpected",
    "FilterConformance",
    "NotClaimed",
    "Report",
    "ResamplerConformance",
    "Result",
    "SinkConformance",
    "SourceConformance",
    "StoreConformance",
    "TransportConformance",
    "Verdict",
    "clause",
    "run_kit",
    "tests_of",
]
