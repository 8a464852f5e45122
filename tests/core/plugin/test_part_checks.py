"""Parts are checked before they are used: their class, their attributes, and what must or must not be async."""

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
    """Has all that a source has, and is not a subclass."""

    live, taken = False, False

    async def read(self) -> None: ...

    async def aclose(self) -> None: ...


class AsyncStore(MemoryStore):
    async def append(self, call_id: str, entry: object) -> None:  # type: ignore[override]
        ...


class PlainSource(RampSource):
    def read(self) -> AudioFrame | None:  # type: ignore[override]
        return None

    def aclose(self):  # type: ignore[no-untyped-def]
        return None


class Awaitables(RampSource):
    """Returns awaitables in other ways than by ``async``."""

    def __init__(self, inner: RampSource) -> None:
        self._inner = inner
        self.aclose = functools.partial(inner.aclose)  # type: ignore[method-assign]

    def read(self) -> Awaitable[AudioFrame | None]:  # type: ignore[override]
        return self._inner.read()


class Wrapped(RampSource):
    @functools.wraps(RampSource.read)
    def read(self):  # type: ignore[no-untyped-def, override]
        return super().read()


class CallableObject(RampSource):
    """What it returns is known when it is called."""

    read = functools.partial(RampSource.read)


class NoRate(LinkedTransport):
    def __init__(self) -> None:
        pass


async def later() -> None: ...


@pytest.mark.parametrize(
    ("product", "interface"),
    [
        (RampSource(1), AudioSource),
        (Awaitables(RampSource(1)), AudioSource),
        (Wrapped(1), AudioSource),
        (CallableObject(1), AudioSource),
    ],
)
def test_a_subclass_whose_methods_can_be_awaited_fits(product: object, interface: type) -> None:
    assert interface_mismatch(product, interface) == ""


@pytest.mark.fault("F39")
@pytest.mark.parametrize(
    ("product", "interface", "says"),
    [
        (None, AudioSource, "got NoneType; expected an instance of a subclass of offhook.interfaces.AudioSource"),
        (Duck(), AudioSource, "got Duck; expected an instance of a subclass of offhook.interfaces.AudioSource"),
        (7, Leg, "got int; expected an instance of a subclass of offhook.interfaces.Leg"),
        (RampSource, AudioSource, "got the class RampSource: an instance of it is needed"),
        (AsyncStore(), Store, "AsyncStore has async methods that must be plain: append"),
        (PlainSource(1), AudioSource, "PlainSource has plain methods that must be async: read, aclose"),
        (NoRate(), Transport, "NoRate does not set rate_hz"),
    ],
)
def test_a_mismatch_is_explained(product: object, interface: type, says: str) -> None:
    assert interface_mismatch(product, interface) == says


def test_at_the_last_moment_a_plain_method_is_tried() -> None:
    assert interface_mismatch(PlainSource(1), AudioSource, is_last_moment=True) == ""
    assert interface_mismatch(AsyncStore(), Store, is_last_moment=True) != ""


class DuckLeg:
    rate_hz = 16_000

    def send(self, frame: AudioFrame) -> None: ...

    def counters(self) -> dict[str, int]:
        return {}

    async def renew(self, grant: object) -> None: ...

    async def leave(self) -> None: ...


class AsyncDuckLeg(DuckLeg):
    async def send(self, frame: AudioFrame) -> None: ...  # type: ignore[override]


class HalfLeg(DuckLeg):
    renew = None  # type: ignore[assignment]


def test_at_the_last_moment_members_count_and_not_the_class() -> None:
    def mismatch(leg: object) -> str:
        return interface_mismatch(leg, Leg, is_last_moment=True)

    assert mismatch(DuckLeg()) == ""
    assert mismatch(AsyncDuckLeg()) == "AsyncDuckLeg has async methods that must be plain: send"
    assert mismatch(HalfLeg()) == "got HalfLeg; expected an instance of a subclass of offhook.interfaces.Leg"
    assert "expected an instance of a subclass" in interface_mismatch(DuckLeg(), Leg)


def test_a_coroutine_is_closed_so_that_python_does_not_warn() -> None:
    assert interface_mismatch(later(), AudioSource) == "got a coroutine: make the factory a plain function"
