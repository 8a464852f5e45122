"""The mock of the other side: Sendblue's API, the channel, and callees who follow a script.

It registers the commands ``mock``, ``demo`` and ``bench``, explains how to get the transport ``memory``, and has far
ends for conformance kits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook.plugin import LazyCommand, hookimpl
from offhook.plugin import keep_old_paths as _keep_old_paths
from offhook_mockserver.extra import EXTRA as _EXTRA
from offhook_mockserver.extra import NEEDS as _NEEDS

if TYPE_CHECKING:
    from offhook.interfaces import FarEnd
    from offhook.plugin import CommandRegistry, FarEndRegistry, TransportRegistry

__all__ = ["offhook_command", "offhook_far_end", "offhook_transport"]

_keep_old_paths(
    {
        "offhook_mockserver.in_process": {
            "offhook_mockserver.server": "InProcessMock",
            "offhook_mockserver.far_ends": "RenewsGrants",
        },
        "offhook_mockserver.pcm_far_end": {"offhook_mockserver.far_ends": "PcmFarEnd"},
        "offhook_mockserver.sendblue_far_end": {"offhook_mockserver.far_ends": "SendblueFarEnd"},
    }
)


@hookimpl
def offhook_command(registry: CommandRegistry) -> None:
    mock = LazyCommand(
        "offhook_mockserver.commands.mock:mock", quick="offhook_mockserver.commands.quick_mock:quick_mock"
    )
    demo = LazyCommand("offhook_mockserver.commands.demo:demo")
    bench = LazyCommand("offhook_mockserver.commands.bench.command:bench")
    summary = "Run a mock of Sendblue, with callees who answer, talk and hang up."
    registry.add("mock", mock, summary=summary, extra=_EXTRA, needs=_NEEDS)
    summary = "Place a call to a simulated callee on this machine, and show it."
    registry.add("demo", demo, summary=summary, extra=_EXTRA, needs=_NEEDS)
    summary = "Find out how many calls one process carries on this machine."
    registry.add("bench", bench, summary=summary, extra=_EXTRA, needs=_NEEDS)


@hookimpl
def offhook_far_end(registry: FarEndRegistry) -> None:
    """Register the far ends of the carrier and of the transports into rooms."""
    extra, relay = _EXTRA, ("aiortc", "av", "starlette", "uvicorn", "websockets")
    summary = "the mock's Sendblue API, in virtual time and without a socket"
    registry.add("sendblue", _sendblue_far_end, summary=summary, extra=extra, needs=("starlette",))
    registry.add("memory", _memory_far_end, summary="rooms in this process", extra=extra, needs=("av",))
    registry.add("aiortc", _relay_far_end, summary="a relay on this machine", extra=extra, needs=relay)
    summary = "the PCM door of a mock, behind a wire that can be cut"
    needs = ("av", "starlette", "uvicorn", "websockets")
    registry.add("pcm", _pcm_far_end, summary=summary, extra=extra, needs=needs)
    summary = "the PCM door of a mock, at which the mock's build of Agora's SDK joins"
    registry.add(
        "agora", _agora_far_end, summary=summary, extra=extra, needs=("av", "starlette", "uvicorn", "websockets")
    )


def _sendblue_far_end() -> FarEnd:
    from offhook_mockserver.far_ends.sendblue import SendblueFarEnd

    return SendblueFarEnd()


@hookimpl
def offhook_transport(registry: TransportRegistry) -> None:
    """Explain how to get ``memory``: only a mock adds it, and only to phones that load the mock as a plugin."""
    registry.hint(
        "memory",
        "it joins the rooms of a mock in this process, and this phone has no mock: take the phone from the mock, "
        "InProcessMock().phone(), or pass the mock to the phone, Phone(plugins=[mock], ...)",
    )


def _memory_far_end() -> FarEnd:
    from offhook_mockserver.far_ends.memory import MemoryFarEnd

    return MemoryFarEnd()


def _relay_far_end() -> FarEnd:
    from offhook_mockserver.far_ends.webrtc import RelayFarEnd

    return RelayFarEnd()


def _pcm_far_end() -> FarEnd:
    from offhook_mockserver.far_ends.pcm import PcmFarEnd

    return PcmFarEnd()


def _agora_far_end() -> FarEnd:
    from offhook_mockserver.far_ends.agora import AgoraFarEnd

    return AgoraFarEnd()
