"""Acme for offhook: the hooks. What they register is imported only when it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook import hookimpl

if TYPE_CHECKING:
    from offhook.interfaces import AudioSource, Auth, Carrier, Environment, Transport
    from offhook.plugin import AuthRegistry, CarrierRegistry, SourceRegistry, TransportRegistry


@hookimpl
def offhook_audio_source(registry: SourceRegistry) -> None:
    registry.add("morse", _morse, summary="a text as Morse code: morse:SOS")


def _morse(argument: str) -> AudioSource:
    from acme_offhook.source import MorseSource

    return MorseSource(argument)


@hookimpl
def offhook_auth(registry: AuthRegistry) -> None:
    registry.add("acme", _auth, summary="keys from the file ACME_KEYS_FILE, which may be replaced at any time")


def _auth(environment: Environment) -> Auth:
    from acme_offhook.auth import AcmeAuth

    return AcmeAuth(environment)


@hookimpl
def offhook_carrier(registry: CarrierRegistry) -> None:
    registry.add("acme", _carrier, summary="calls through ACME_API_URL, from ACME_FROM_NUMBER", needs=("httpx",))


def _carrier(environment: Environment, auth: Auth) -> Carrier:
    from acme_offhook.carrier import AcmeCarrier

    return AcmeCarrier(environment, auth)


@hookimpl
def offhook_transport(registry: TransportRegistry) -> None:
    registry.add("acme", _transport, summary="PCM over a WebSocket", needs=("httpx", "websockets"))


def _transport(environment: Environment) -> Transport:
    from acme_offhook.transport import AcmeTransport

    return AcmeTransport()
