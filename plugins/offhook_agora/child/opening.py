"""The calls of the SDK that begin a leg, in the order in which they have to be made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook_agora.child.observers import AudioObserver, ConnectionObserver, UserObserver
from offhook_agora.child.reasons import Refusal
from offhook_agora.messages import SDK_RATES_HZ, Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook_agora.child.calls import Calls
    from offhook_agora.child.presence import Presence
    from offhook_agora.child.sdk import Connection, LocalUser, Sdk, Service
    from offhook_agora.messages import Join


def new_connection(join: Join, sdk: Sdk, service: Service, calls: Calls) -> tuple[Connection, LocalUser]:
    """Make a connection, which has to be released.

    Raises:
        Refusal: the connection does not exist.
    """
    if join.rate_hz not in SDK_RATES_HZ:
        rates = ", ".join(map(str, SDK_RATES_HZ))
        raise Refusal(Reason.REQUEST, f"Agora's SDK takes no audio of {join.rate_hz} Hz; use one of {rates}")
    try:
        configs = sdk.configs(join.rate_hz, join.scenario)
    except ValueError:
        raise Refusal(Reason.REQUEST, f"Agora's SDK has no audio scenario {join.scenario}") from None
    connection = calls.make(lambda: service.create_rtc_connection(*configs))
    user = connection.get_local_user() if connection is not None and connection.conn_handle else None
    if connection is None or user is None:
        raise Refusal(Reason.SDK, "Agora's SDK made no connection")
    return connection, user


def connect(join: Join, sdk: Sdk, connection: Connection, user: LocalUser, presence: Presence, calls: Calls) -> None:
    """Register what is called with events and audio, and begin to join.

    Raises:
        Refusal: a call of the SDK failed.
    """
    for name, make in _preparations(join, connection, user, presence).items():
        _succeed(name, calls.make(make))
    sdk.set_endpoint(join.endpoint)
    _succeed("connect", calls.make(lambda: connection.connect(join.token.reveal(), join.channel, str(join.uid))))


def _succeed(name: str, result: int | None) -> None:
    if result != 0:
        raise Refusal(Reason.SDK, f"{name} of Agora's SDK " + (f"returned {result}" if result else "failed"))


def _preparations(
    join: Join, connection: Connection, user: LocalUser, presence: Presence
) -> dict[str, Callable[[], int]]:
    generation = presence.generation
    of_connection = ConnectionObserver(presence, generation)
    of_user = UserObserver(presence, generation)
    of_audio = AudioObserver(presence, generation)
    return {
        "register_observer": lambda: connection.register_observer(of_connection),
        "register_local_user_observer": lambda: connection.register_local_user_observer(of_user),
        # Before the observer, which may be registered only once.
        "set_playback_audio_frame_before_mixing_parameters": (
            lambda: user.set_playback_audio_frame_before_mixing_parameters(1, join.rate_hz)
        ),
        "register_audio_frame_observer": lambda: connection.register_audio_frame_observer(of_audio, 0, None),
    }
