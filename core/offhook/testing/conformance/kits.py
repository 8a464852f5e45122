"""The kits by kind, under the names that ``offhook conformance`` uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.testing.conformance.auth import AuthConformance
from offhook.testing.conformance.carrier import CarrierConformance
from offhook.testing.conformance.filter import FilterConformance
from offhook.testing.conformance.resampler import ResamplerConformance
from offhook.testing.conformance.sink import SinkConformance
from offhook.testing.conformance.source import SourceConformance
from offhook.testing.conformance.store.clauses import StoreConformance
from offhook.testing.conformance.transport.clauses import TransportConformance

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook.testing.conformance.kit import Conformance

KITS: Final[Mapping[str, type[Conformance]]] = {
    kit.kind: kit
    for kit in (
        AuthConformance,
        CarrierConformance,
        TransportConformance,
        SourceConformance,
        SinkConformance,
        FilterConformance,
        ResamplerConformance,
        StoreConformance,
    )
}
