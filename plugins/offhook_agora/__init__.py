"""Agora's channel: finds, fetches and checks Agora's SDK, and joins channels with it, in a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook.plugin import hookimpl

if TYPE_CHECKING:
    from offhook.interfaces import Environment, Transport
    from offhook.plugin import TransportRegistry

__all__ = ["offhook_transport"]


def _agora(environment: Environment) -> Transport:
    from offhook_agora.transport import AgoraTransport

    return AgoraTransport(environment)


@hookimpl
def offhook_transport(registry: TransportRegistry) -> None:
    """Add the transport. It needs no package: `check` looks for the SDK, which may be in a folder of its own."""
    registry.add("agora", _agora, summary="Agora itself, through Agora's SDK in a process of its own")
