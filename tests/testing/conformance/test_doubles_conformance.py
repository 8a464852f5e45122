"""The doubles of offhook.testing pass the kits, since other tests rely on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook.testing import FixedAuth, ListFilter, ListSink, MemoryStore, ScriptedCarrier, ScriptedService
from offhook.testing.conformance import (
    AuthConformance,
    CarrierConformance,
    FilterConformance,
    SinkConformance,
    StoreConformance,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook.interfaces import Auth
    from offhook.interfaces.environment import Environment

ANY_ARGUMENT = "it takes no argument"


class TestFixedAuth(AuthConformance):
    not_claimed: Mapping[str, str] = {"settings": "given in code"}

    def make(self, environment: Environment) -> Auth:
        return FixedAuth(x_key="a-key-of-some-length")


class TestScriptedCarrier(CarrierConformance):
    def make(self, environment: Environment, auth: Auth) -> ScriptedCarrier:
        assert isinstance(self.far_end, ScriptedService)
        return self.far_end.carrier(environment, auth)

    def make_far_end(self) -> ScriptedService:
        return ScriptedService()


class TestListSink(SinkConformance):
    not_claimed: Mapping[str, str] = {"arguments": ANY_ARGUMENT}

    def make(self, argument: str) -> ListSink:
        return ListSink()


class TestListFilter(FilterConformance):
    not_claimed: Mapping[str, str] = {"arguments": ANY_ARGUMENT}

    def make(self, argument: str, rate_hz: int) -> ListFilter:
        return ListFilter()


class TestMemoryStore(StoreConformance):
    not_claimed: Mapping[str, str] = {"arguments": ANY_ARGUMENT, "survives": "it is memory"}

    def make(self, argument: str, environment: Environment) -> MemoryStore:
        return MemoryStore()
