"""What the SDK's callbacks mean for a leg: emitted at once, and noted for the leg's thread where that has to act."""

from __future__ import annotations

import threading
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from offhook_agora.child.incoming import Incoming
from offhook_agora.child.reasons import ending, meaning
from offhook_agora.messages import (
    Disconnected,
    Joined,
    MemberJoined,
    MemberLeft,
    MemberPublished,
    MemberUnpublished,
    Reconnected,
    TokenExpiring,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook_agora.messages import Audio, Closed, Failed, FromChild, Refused

#: Errors of the SDK that concern a token.
_EXPIRED: Final = 109
_INVALID: Final = 110


class Note(Enum):
    """What the leg's thread must act upon."""

    #: We are in the channel: publish.
    JOINED = auto()
    #: The connection is over: tear down.
    ENDED = auto()
    #: The token has expired: the SDK closes the connection, or a renewal is on its way.
    TOKEN_EXPIRED = auto()
    #: The channel has accepted a fresh token.
    TOKEN_ACCEPTED = auto()
    #: The SDK reported an error about a token: not valid, or expired.
    TOKEN_REFUSED = auto()
    TOKEN_TOO_OLD = auto()


class Presence:
    """A leg as the SDK's callbacks see it. Its methods are called on threads of the SDK.

    Args:
        leg: the leg's number.
        rate_hz: the rate that was asked for.
        emit: called with each message; does not block.
        note: called with what the leg's thread must do; does not block.
        now: the time.

    Attributes:
        generation: goes up when the leg has begun to leave: callbacks of an older one come too late.
        gone: set when the SDK has confirmed the end of the connection.
        joined: whether we were ever in the channel.
        incoming: puts the audio together.
    """

    def __init__(
        self,
        leg: int,
        rate_hz: int,
        emit: Callable[[FromChild | Audio], None],
        note: Callable[[Note], None],
        now: Callable[[], float],
    ) -> None:
        self.generation: int = 1
        self.gone: threading.Event = threading.Event()
        self.joined: bool = False
        self.incoming: Incoming = Incoming(leg, rate_hz)
        self.callbacks_late: int = 0
        self.callbacks_failed: int = 0
        self.sdk_errors: int = 0
        self._leg = leg
        self._rate_hz = rate_hz
        self._emit = emit
        self._note = note
        self._now = now
        self._interrupted = False
        self._published: set[int] = set()
        #: The callback that reported the last refusal of a token; empty once another one has reported it as well.
        self._refused_by = ""

    @property
    def fenced(self) -> bool:
        """Whether callbacks come too late now."""
        return self.generation > 1

    def fence(self) -> None:
        """Let no later callback through."""
        self.generation += 1

    # The connection

    def connected(self, uid: int) -> None:
        """We are in the channel, for the first time or again."""
        if not self.joined:
            self.joined = True
            self.incoming.start(self._now())
            self._emit(Joined(self._leg, uid))
            self._note(Note.JOINED)
        elif self._interrupted:
            self._interrupted = False
            self._emit(Reconnected(self._leg))

    def interrupted(self) -> None:
        """The connection broke, and the SDK tries to get it back."""
        if self.joined and not self._interrupted:
            self._interrupted = True
            self._emit(Disconnected(self._leg))

    def ended(self, reason: int) -> None:
        """The connection is over, and we did not end it."""
        self.end(ending(self._leg, self.joined, meaning(reason)))

    def end(self, message: Refused | Closed | Failed) -> None:
        """Say that the leg is over, and have it torn down."""
        self.fence()
        self._emit(message)
        self._note(Note.ENDED)

    def token_expiring(self) -> None:
        """A fresh token is needed soon."""
        self._emit(TokenExpiring(self._leg))

    def token_expired(self) -> None:
        """The token is of no more use."""
        self._note(Note.TOKEN_EXPIRED)

    def error(self, code: int) -> None:
        """The SDK reported an error that ends nothing."""
        self.sdk_errors += 1
        if abs(code) in {_EXPIRED, _INVALID}:
            self._refused("on_error", code)

    def executed(self, call: str, error: int) -> None:
        """A call of the SDK was carried out; interesting where its own result says nothing yet."""
        if "renew" in call.lower():
            if error:
                self._refused("on_api_call_executed", error)
            else:
                self._refused_by = ""
                self._note(Note.TOKEN_ACCEPTED)

    def _refused(self, by: str, code: int) -> None:
        """Note that a token was refused, once: by the time of the second callback, another token may be in question."""
        repeated = self._refused_by not in ("", by)
        self._refused_by = "" if repeated else by
        if not repeated:
            self._note(Note.TOKEN_TOO_OLD if abs(code) == _EXPIRED else Note.TOKEN_REFUSED)

    # The members

    def member_joined(self, uid: int) -> None:
        """A member is there."""
        self._emit(MemberJoined(self._leg, uid))

    def member_left(self, uid: int, *, dropped: bool) -> None:
        """A member is gone."""
        self._published.discard(uid)
        self._finish(uid, gone=True)
        self._emit(MemberLeft(self._leg, uid, "dropped" if dropped else "quit"))

    def member_published(self, uid: int, *, on: bool) -> None:
        """A member publishes, or no longer."""
        if on and uid not in self._published:
            self._published.add(uid)
            self._emit(MemberPublished(self._leg, uid))
        elif not on and uid in self._published:
            self._published.discard(uid)
            self._finish(uid, gone=False)
            self._emit(MemberUnpublished(self._leg, uid))

    def audio(self, uid: int, pcm: bytes, rate_hz: int) -> None:
        """A piece of a member's audio; empty if it is not 16-bit mono."""
        for frame in self.incoming.add(uid, pcm if rate_hz == self._rate_hz else b"", self._now()):
            self._emit(frame)

    def _finish(self, uid: int, *, gone: bool) -> None:
        for frame in self.incoming.end(uid, gone=gone):
            self._emit(frame)
