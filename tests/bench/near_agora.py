"""Our side of calls over Agora's SDK, in a child process or in this one."""

from __future__ import annotations

import dataclasses
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Literal

from tests.bench import near_offhook
from tests.bench.agora_stamps import Delays, make_child_host, make_inline_host
from tests.bench.method import usage_of

from offhook.interfaces import Environment
from offhook_agora.child_host import ChildHost
from offhook_agora.settings import Settings
from offhook_agora.transport import AgoraTransport

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

    from offhook.interfaces import Transport
    from offhook_agora.layout import SdkLayout
    from offhook_agora.transport import MakeHost

#: All calls of a worker share one child.
_CALLS_PER_CHILD = 100


def _transport(process: Literal["child", "inline"], make_host: MakeHost | None = None) -> AgoraTransport:
    settings = Settings(process, calls_per_child=_CALLS_PER_CHILD)
    return AgoraTransport(Environment.of_process(), settings=settings, make_host=make_host)


class _Children:
    """The child processes of this worker: what they have used."""

    def __init__(self) -> None:
        self._hosts: list[ChildHost] = []

    def make(self, layout: SdkLayout, settings: Mapping[str, str], starts: asyncio.Lock) -> ChildHost:
        """A host in a child process."""
        self._hosts.append(ChildHost(layout, settings, starts))
        return self._hosts[-1]

    async def usages(self) -> list[object]:
        """A reading of each one that lives."""
        self._hosts = [host for host in self._hosts if not host.problem]
        return [dataclasses.asdict(usage_of(host.pid)) for host in self._hosts]


class ChildCalls(near_offhook.Calls):
    """Whole calls, the SDK in a child process. Commands: those of `Calls`, and `children`, what these have used."""

    def __init__(self) -> None:
        super().__init__()
        self._children = _Children()
        self.commands["children"] = self._children.usages

    def transport(self) -> Transport:
        return _transport("child", self._children.make)


class InlineCalls(near_offhook.Calls):
    """Whole calls, the SDK in this process. Commands: those of `ChildCalls`."""

    def __init__(self) -> None:
        super().__init__()
        self.commands["children"] = _Children().usages

    def transport(self) -> Transport:
        return _transport("inline")


class _Legs(near_offhook.Legs):
    """Bare legs of one transport.

    Commands: those of `Legs`, and `counters`, the sums of the legs' own.
    """

    def __init__(self, transport: Transport) -> None:
        super().__init__()
        self._transport = transport
        self.commands["counters"] = self.counters

    def transport(self, leg: int) -> Transport:
        return self._transport

    async def counters(self) -> Counter[str]:
        """What the legs have counted so far."""
        return sum((Counter(leg.counters()) for leg in self.legs), Counter())

    async def close(self) -> None:
        await super().close()
        await self._transport.aclose()


class ChildLegs(_Legs):
    """Bare legs that share a child process. Commands: those of `Legs`, `counters` and `children`."""

    def __init__(self) -> None:
        children = _Children()
        super().__init__(_transport("child", children.make))
        self.commands["children"] = children.usages


class _Stamps(_Legs):
    """Bare legs, with the time at which each frame passes each end of what is between us and the SDK.

    Commands: those of `Legs`, and `crossed`, the delays in between since the last time.
    """

    def __init__(self, delays: Delays, transport: Transport) -> None:
        super().__init__(transport)
        self._delays = delays
        self.commands["crossed"] = self.crossed

    async def crossed(self) -> tuple[list[float], list[float]]:
        """Milliseconds up, and milliseconds down."""
        return self._delays.take()


class ChildStamps(_Stamps):
    """`_Stamps` of a child process."""

    def __init__(self) -> None:
        delays = Delays()
        super().__init__(delays, _transport("child", partial(make_child_host, delays)))


class InlineStamps(_Stamps):
    """`_Stamps` of the SDK in this process."""

    def __init__(self) -> None:
        delays = Delays()
        super().__init__(delays, _transport("inline", partial(make_inline_host, delays)))
