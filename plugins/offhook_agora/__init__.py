"""Agora's channel: finds, fetches and checks Agora's SDK, and joins channels with it, in a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook.plugin import LazyCommand, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable

    from offhook.interfaces import Environment, Finding, Transport
    from offhook.plugin import CommandRegistry, DiagnosisRegistry, TransportRegistry

__all__ = ["offhook_command", "offhook_diagnosis", "offhook_transport"]


@hookimpl
def offhook_transport(registry: TransportRegistry) -> None:
    """Add the transport. It needs no package: `check` looks for the SDK, which may be in a folder of its own."""
    registry.add("agora", _agora, summary="Agora itself, through Agora's SDK in a process of its own")


def _agora(environment: Environment) -> Transport:
    from offhook_agora.transport import AgoraTransport

    return AgoraTransport(environment)


@hookimpl
def offhook_command(registry: CommandRegistry) -> None:
    command = LazyCommand("offhook_agora.agora_command:agora")
    registry.add("agora", command, summary="Fetch Agora's native library, check Agora's SDK, and try one live call.")


@hookimpl
def offhook_diagnosis(registry: DiagnosisRegistry) -> None:
    registry.add("agora-sdk", _sdk, summary="Agora's SDK: both of its halves, and whether they fit this machine")


def _sdk(environment: Environment) -> Iterable[Finding]:
    from offhook_agora.diagnosis import findings
    from offhook_agora.machine import Machine

    return findings(environment, Machine.here(), wanted=False)
