"""The transport `aiortc`: joins the channels of an offhook relay on this machine over WebRTC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook.plugin import hookimpl

if TYPE_CHECKING:
    from offhook.interfaces import Environment, Transport
    from offhook.plugin import TransportRegistry

__all__ = ["offhook_transport"]


def _aiortc(environment: Environment) -> Transport:
    from offhook_aiortc.transport import AiortcTransport

    return AiortcTransport(clock=environment.clock, ids=environment.ids)


@hookimpl
def offhook_transport(registry: TransportRegistry) -> None:
    """Add the transport."""
    registry.add(
        "aiortc",
        _aiortc,
        summary="WebRTC to a relay on this machine, such as `offhook mock`",
        extra="offhook[aiortc]",
        needs=("aiortc", "av", "h11", "websockets"),
    )
