"""Agora's channel: finds, fetches and checks Agora's SDK, which never runs in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook.plugin import hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable

    from offhook.interfaces import Environment, Finding
    from offhook.plugin import CommandRegistry, DiagnosisRegistry

__all__ = ["offhook_command", "offhook_diagnosis"]


@hookimpl
def offhook_command(registry: CommandRegistry) -> None:
    from offhook_agora.agora_command import agora

    registry.add("agora", agora, summary="Fetch Agora's native library, and check Agora's SDK.")


@hookimpl
def offhook_diagnosis(registry: DiagnosisRegistry) -> None:
    registry.add("agora-sdk", _sdk, summary="Agora's SDK: both of its halves, and whether they fit this machine")


def _sdk(environment: Environment) -> Iterable[Finding]:
    from offhook_agora.diagnosis import findings
    from offhook_agora.machine import Machine

    return findings(environment, Machine.here(), wanted=False)
