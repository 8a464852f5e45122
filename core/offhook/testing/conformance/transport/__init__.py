"""The conformance kit for transports: 33 clauses, run against a far end."""

from __future__ import annotations

from offhook.testing.conformance.transport.clauses import TransportConformance

__all__ = [
    "TransportConformance",
]
