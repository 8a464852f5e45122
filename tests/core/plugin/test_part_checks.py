"""What plugins give is looked at before it is used: methods, attributes, and what must not be async."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import pytest
from tests.core.rig import RampSource

from offhook.interfaces import AudioSource, Leg, Store, Transport
from offhook.plugin.part_checks import interface_mismatch
from offhook.testing import LinkedTransport, MemoryStore

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from offhook.interfaces.frame import AudioFrame


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


class PlainSource(RampSource):
    def read(self) -> AudioFrame | None:  # type: ignore[override]
        return None

    def aclose(self):  # type: ignore[no-untyped-def]
        return None


class Awaitables(RampSource):
    """Gives what is to be awaited, in other ways than by ``async``."""

    def __init__(self, inner: RampSource) -> None:
        self._inner = inner
        self.aclose = functools.partial(inner.aclose)  # type: ignore[method-assign]

    def read(self) -> Awaitable[AudioFrame | None]:  # type: ignore[override]
        return self._inner.read()


class Wrapped(RampSource):
    @functools.wraps(RampSource.read)
    def read(self):  # type: ignore[no-untyped-def, override]
        return super().read()


class NoRate(LinkedTransport):
    def __init__(self) -> None:
        pass


async def later() -> None: ...


@pytest.mark.parametrize(
    ("product", "interface"),
    [
        (Duck(), AudioSource),
        (RampSource(1), AudioSource),
        (Awaitables(RampSource(1)), AudioSource),
        (Wrapped(1), AudioSource),
    ],
)
def test_what_has_the_methods_fits(product: object, interface: type) -> None:
    assert interface_mismatch(product, interface) == ""


@pytest.mark.fault("F39")
@pytest.mark.parametrize(
    ("product", "interface", "says"),
    [
        (None, AudioSource, "NoneType is no AudioSource: it lacks live, taken, read, aclose"),
        (ReadIsNone(1), AudioSource, "ReadIsNone is no AudioSource: it lacks read"),
        (RampSource, AudioSource, "RampSource is a class: give an instance of it"),
        (AsyncStore(), Store, "AsyncStore is no Store: its append must not be async"),
        (PlainSource(1), AudioSource, "PlainSource is no AudioSource: its read, aclose must be async"),
        (NoRate(), Transport, "NoRate is no Transport: it lacks rate_hz"),
        (7, Leg, "int is no Leg: it lacks send, counters, renew, leave, rate_hz"),
    ],
)
def test_what_does_not_fit_is_said(product: object, interface: type, says: str) -> None:
    assert interface_mismatch(product, interface) == says


def test_what_would_have_to_be_awaited_is_closed() -> None:
    assert (
        interface_mismatch(later(), AudioSource) == "it is a coroutine; make the factory a plain function"
    )  # no warning, either
