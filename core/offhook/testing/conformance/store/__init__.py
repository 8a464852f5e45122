"""The conformance kit for stores: writing, closing, two stores at one place, reading back, dial guards."""

from __future__ import annotations

from offhook.testing.conformance.store.clauses import StoreConformance

__all__ = [
    "StoreConformance",
]
