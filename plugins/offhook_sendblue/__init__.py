"""Sendblue: the carrier that places FaceTime calls, and its key authentication.

The classes are imported on first use, so that listing plugins does not import an HTTP client.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from offhook.plugin import LazyCommand, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from offhook.interfaces import Auth, Carrier, Environment, Finding
    from offhook.plugin import AuthRegistry, CarrierRegistry, CommandRegistry, DiagnosisRegistry
    from offhook_sendblue.auth import CallableAuth, EnvAuth, KeyAuth
    from offhook_sendblue.carrier import SendblueCarrier
    from offhook_sendblue.lines import Line, LineStatus
    from offhook_sendblue.webhook_events import (
        CallCompleted,
        CallLog,
        InboundCall,
        Message,
        OtherEvent,
        WebhookEvent,
    )
    from offhook_sendblue.webhooks import WebhookReceiver

__all__ = [
    "CallCompleted",
    "CallLog",
    "CallableAuth",
    "EnvAuth",
    "InboundCall",
    "KeyAuth",
    "Line",
    "LineStatus",
    "Message",
    "OtherEvent",
    "SendblueCarrier",
    "WebhookEvent",
    "WebhookReceiver",
    "offhook_auth",
    "offhook_carrier",
    "offhook_command",
    "offhook_diagnosis",
]

_HOMES: Final[Mapping[str, str]] = {
    "CallCompleted": "offhook_sendblue.webhook_events",
    "CallLog": "offhook_sendblue.webhook_events",
    "CallableAuth": "offhook_sendblue.auth",
    "EnvAuth": "offhook_sendblue.auth",
    "InboundCall": "offhook_sendblue.webhook_events",
    "KeyAuth": "offhook_sendblue.auth",
    "Line": "offhook_sendblue.lines",
    "LineStatus": "offhook_sendblue.lines",
    "Message": "offhook_sendblue.webhook_events",
    "OtherEvent": "offhook_sendblue.webhook_events",
    "SendblueCarrier": "offhook_sendblue.carrier",
    "WebhookEvent": "offhook_sendblue.webhook_events",
    "WebhookReceiver": "offhook_sendblue.webhooks",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def _env_auth(environment: Environment) -> Auth:
    from offhook_sendblue.auth import EnvAuth

    return EnvAuth(environment)


def _carrier(environment: Environment, auth: Auth) -> Carrier:
    from offhook_sendblue.carrier import SendblueCarrier

    return SendblueCarrier.from_environment(environment, auth)


def _http_client(environment: Environment) -> Iterable[Finding]:
    from offhook.interfaces import is_loopback
    from offhook_sendblue.carrier import BASE_URL_VARIABLE
    from offhook_sendblue.http_environment import findings

    return findings(loopback=is_loopback(environment.get(BASE_URL_VARIABLE, "")))


def _route(environment: Environment) -> Iterable[Finding]:
    from offhook.interfaces import Finding, Level
    from offhook_sendblue.carrier import route_problem

    problem = route_problem(environment)
    return (Finding(Level.WRONG, "route", problem),) if problem else ()


def _lines(environment: Environment) -> Iterable[Finding]:
    from offhook_sendblue.lines_check import findings

    return findings(environment)


@hookimpl
def offhook_auth(registry: AuthRegistry) -> None:
    registry.add("env", _env_auth, summary="Sendblue's key pair from SENDBLUE_API_API_KEY and SENDBLUE_API_API_SECRET")


@hookimpl
def offhook_carrier(registry: CarrierRegistry) -> None:
    registry.add("sendblue", _carrier, summary="FaceTime calls through Sendblue", needs=("httpx",))


@hookimpl
def offhook_command(registry: CommandRegistry) -> None:
    lines = LazyCommand("offhook_sendblue.lines_command:lines")
    registry.add("lines", lines, summary="List the lines of the account, with their states.", needs=("httpx",))


@hookimpl
def offhook_diagnosis(registry: DiagnosisRegistry) -> None:
    registry.add(
        "http-client",
        _http_client,
        summary="what the HTTP client finds in the environment: proxies and certificates",
        needs=("httpx",),
    )
    registry.add("route", _route, summary="whether grants are joined where the API rings", needs=("httpx",))
    registry.add("lines", _lines, summary="which lines auto would choose among: asks the API", needs=("httpx",))
