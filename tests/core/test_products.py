"""What plugins give is looked at before it is used: methods, attributes, and what must not be async."""

from __future__ import annotations

import pytest
from tests.core.rig import RampSource

from offhook.interfaces import AudioSource, Leg, Store, Transport
from offhook.products import misfit
from offhook.testing import LinkedTransport, MemoryStore


class Duck:
    """As a source, without being told so."""

    live, taken = False, False

    async def read(self) -> None: ...

    async def aclose(self) -> None: ...


class ReadIsNone(RampSource):
    read = None  # type: ignore[assignment]


class AsyncStore(MemoryStore):
    async def append(self, call_id: str, entry: object) -> None:  # type: ignore[override]
        ...


class NoRate(LinkedTransport):
    def __init__(self) -> None:
        pass


async def later() -> None: ...


@pytest.mark.parametrize(("product", "interface"), [(Duck(), AudioSource), (RampSource(1), AudioSource)])
def test_what_has_the_methods_fits(product: object, interface: type) -> None:
    assert misfit(product, interface) == ""


@pytest.mark.fault("F39")
@pytest.mark.parametrize(
    ("product", "interface", "says"),
    [
        (None, AudioSource, "NoneType is no AudioSource: it lacks live, taken, read, aclose"),
        (ReadIsNone(1), AudioSource, "ReadIsNone is no AudioSource: it lacks read"),
        (RampSource, AudioSource, "RampSource is a class: give an instance of it"),
        (AsyncStore(), Store, "AsyncStore is no Store: its append must not be async"),
        (NoRate(), Transport, "NoRate is no Transport: it lacks rate_hz"),
        (7, Leg, "int is no Leg: it lacks send, counters, renew, leave, rate_hz"),
    ],
)
def test_what_does_not_fit_is_said(product: object, interface: type, says: str) -> None:
    assert misfit(product, interface) == says


def test_what_would_have_to_be_awaited_is_closed() -> None:
    assert misfit(later(), AudioSource) == "it is a coroutine; make the factory a plain function"  # no warning, either
