"""The objects whose methods the SDK calls, on its own threads.

They make no call of the SDK, hold no lock while they call out, and let no exception out: upstream would swallow it. A
method that is not here, of a newer SDK too, does nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Concatenate, ParamSpec, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook_agora.child.presence import Presence


class ConnectionInfo(Protocol):
    """What is used of upstream's `RTCConnInfo`."""

    local_user_id: str


class Frame(Protocol):
    """What is used of upstream's `AudioFrame`."""

    bytes_per_sample: int
    channels: int
    samples_per_sec: int
    buffer: bytearray


def _uid(text: str) -> int:
    """Raises ValueError for what is not a number of a member, such as an account's name."""
    uid = int(text)
    if not 0 < uid < 2**32:
        raise ValueError(f"a uid of {uid}")
    return uid


def _nothing(*arguments: object) -> int:
    return 1


class _Observer:
    def __init__(self, presence: Presence, generation: int) -> None:
        self.presence = presence
        self.generation = generation

    def __getattr__(self, name: str) -> Callable[..., int]:
        if name.startswith("on_"):
            return _nothing
        raise AttributeError(name)


_P = ParamSpec("_P")
_O = TypeVar("_O", bound=_Observer)


def _fenced(method: Callable[Concatenate[_O, _P], None]) -> Callable[Concatenate[_O, _P], int]:
    """Run the method only while its leg is in the channel; count when it is not, and when the method raises."""

    def run(self: _O, /, *arguments: _P.args, **options: _P.kwargs) -> int:
        presence = self.presence
        if presence.generation != self.generation:
            presence.callbacks_late += 1
            return 1
        try:
            method(self, *arguments, **options)
        except Exception:
            presence.callbacks_failed += 1
        return 1  # upstream turns another value, None included, into an error for each frame

    return run


class ConnectionObserver(_Observer):
    """Hears of the connection and of the members."""

    @_fenced
    def on_connected(self, connection: object, info: ConnectionInfo, reason: int) -> None:
        self.presence.connected(_uid(info.local_user_id))

    @_fenced
    def on_reconnecting(self, connection: object, info: ConnectionInfo, reason: int) -> None:
        self.presence.interrupted()

    @_fenced
    def on_connection_lost(self, connection: object, info: ConnectionInfo) -> None:
        self.presence.interrupted()

    @_fenced
    def on_reconnected(self, connection: object, info: ConnectionInfo, reason: int) -> None:
        self.presence.connected(_uid(info.local_user_id))

    def on_disconnected(self, connection: object, info: ConnectionInfo, reason: int) -> int:
        """Also counts after the leg has begun to leave: the teardown waits for it."""
        self.presence.gone.set()
        if self.presence.generation == self.generation:
            self.presence.ended(reason)
        return 1

    @_fenced
    def on_connection_failure(self, connection: object, info: ConnectionInfo, reason: int) -> None:
        self.presence.ended(reason)

    @_fenced
    def on_connection_license_validation_failure(self, connection: object, reason: int) -> None:
        self.presence.ended(21)

    @_fenced
    def on_token_privilege_will_expire(self, connection: object, token: str) -> None:
        self.presence.token_expiring()

    @_fenced
    def on_token_privilege_did_expire(self, connection: object) -> None:
        self.presence.token_expired()

    @_fenced
    def on_error(self, connection: object, code: int, text: str) -> None:
        self.presence.error(code)

    @_fenced
    def on_api_call_executed(self, connection: object, error: int, call: str, arguments: str) -> None:
        self.presence.executed(call, error)

    @_fenced
    def on_user_joined(self, connection: object, uid: str) -> None:
        self.presence.member_joined(_uid(uid))

    @_fenced
    def on_user_left(self, connection: object, uid: str, reason: int) -> None:
        self.presence.member_left(_uid(uid), dropped=reason == 1)

    def on_aiqos_capability_missing(self, connection: object, scenario: int) -> int:
        """Keep the scenario: a switch would publish anew from inside this callback."""
        return -1


class UserObserver(_Observer):
    """Hears of the members' audio tracks."""

    @_fenced
    def on_user_audio_track_subscribed(self, user: object, uid: str, track: object) -> None:
        self.presence.member_published(_uid(uid), on=True)

    @_fenced
    def on_user_audio_track_state_changed(
        self, user: object, uid: str, track: object, state: int, reason: int, elapsed: int
    ) -> None:
        # State 0 is stopped, 1 starting, 2 decoding. Reason 3 is our own muting, 4 its end. Reason 7 is that the member
        # leaves, which is reported by itself.
        if reason not in {3, 4, 7} and state in {0, 1, 2}:
            self.presence.member_published(_uid(uid), on=state > 0)


class AudioObserver(_Observer):
    """Hears the members."""

    @_fenced
    def on_playback_audio_frame_before_mixing(
        self, user: object, channel: str, uid: str, frame: Frame, vad_state: int, vad_pcm: object
    ) -> None:
        right = (frame.bytes_per_sample, frame.channels) == (2, 1)
        self.presence.audio(_uid(uid), bytes(frame.buffer) if right else b"", frame.samples_per_sec)
