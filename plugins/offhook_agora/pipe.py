"""The connection between parent and child, without I/O: frames, and the credits that bound what waits in either.

A frame is a u32 little-endian length of its payload, a u8 type, and the payload: 1 is a control message (JSON), 2 is
audio. Each side may have `AUDIO_WINDOW` frames of audio for each leg, and `EVENT_WINDOW` control messages, on their way
that the other side has not taken yet; the other side returns credits as it takes them. Without credit, audio waits
shortly and the oldest is dropped; a control message without credit ends the connection. Whatever does not follow the
protocol ends it as well.
"""

from __future__ import annotations

import struct
from collections import Counter, deque
from typing import TYPE_CHECKING, Final, Generic, Literal, TypeAlias, TypeVar

from offhook.errors import TransportError
from offhook_agora.messages import (
    PROTOCOL,
    Audio,
    Credit,
    FromChild,
    Ready,
    Start,
    ToChild,
    Unusable,
    parse_from_child,
    parse_to_child,
)
from offhook_wire.strict_json import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook_wire.message import Message

#: Frames of audio of one leg that may be on their way: a second of one talker.
AUDIO_WINDOW: Final = 50
#: Control messages that may be on their way.
EVENT_WINDOW: Final = 256
#: Frames of a leg that wait for credit; then the oldest is dropped. More would only be heard late.
WAITING: Final = 10
#: The largest payload of a frame, in bytes.
MAX_PAYLOAD: Final = 64 * 1024
#: Legs of which a side may send audio in the life of a connection without `Link.forget`.
MAX_LEGS: Final = 1_024

CONTROL: Final = 1
AUDIO: Final = 2
HEADER: Final = struct.Struct("<IB")

#: ``closed``: the other side is gone. ``truncated``: it went in the middle of a frame. ``malformed``: it sent what is
#: not a message. ``version``: it speaks another version. ``overflow``: one side sent more than it had credit for.
#: ``fork``: the connection belongs to the process that forked this one.
Why: TypeAlias = Literal["closed", "truncated", "malformed", "version", "overflow", "fork"]


class PipeBroken(TransportError):
    """The connection between parent and child is over.

    Args:
        why: for programs.
        message: for people.
    """

    def __init__(self, why: Why, message: str) -> None:
        super().__init__(message)
        self.why: Why = why


_In = TypeVar("_In")


class Link(Generic[_In]):
    """One end of a connection. Not safe to use from several threads at once.

    Args:
        parse: reads the control messages of the other side.
        opening: the classes that its first message may have.

    Attributes:
        out: bytes to write to the other side; the caller removes what it has written.
        broken: why the connection is over; None while it is not.
    """

    def __init__(self, parse: Callable[[bytes], _In | Credit], opening: tuple[type, ...]) -> None:
        self.out: bytearray = bytearray()
        self.broken: PipeBroken | None = None
        self._parse = parse
        self._opening = opening
        self._opened = False
        self._in = bytearray()
        # By leg; 0 stands for control messages.
        self._on_their_way: Counter[int] = Counter()
        self._untaken: Counter[int] = Counter()
        self._to_credit: Counter[int] = Counter()
        self._waiting: dict[int, deque[bytes]] = {}
        self._lost: Counter[int] = Counter()

    # Writing

    def send(self, message: Message | Audio) -> None:
        """Write a message or audio to `out`, or let audio wait for credit. A broken connection drops it."""
        if self.broken is not None:
            return
        if isinstance(message, Audio):
            self._send_audio(message)
        elif self._on_their_way[0] >= EVENT_WINDOW:
            self._break("overflow", f"the other process left {EVENT_WINDOW} messages unread")
        else:
            self._on_their_way[0] += 1
            self._frame(CONTROL, message.to_text().encode())

    def _send_audio(self, audio: Audio) -> None:
        leg, data = audio.leg, audio.to_bytes()
        if self._on_their_way[leg] < AUDIO_WINDOW:
            self._on_their_way[leg] += 1
            self._frame(AUDIO, data)
            return
        waiting = self._waiting.setdefault(leg, deque(maxlen=WAITING))
        if len(waiting) == WAITING:
            self._lost[leg] += 1
        waiting.append(data)

    def _frame(self, kind: int, payload: bytes) -> None:
        self.out += HEADER.pack(len(payload), kind)
        self.out += payload

    def lost(self, leg: int) -> int:
        """How many frames of the leg were dropped for want of credit."""
        return self._lost[leg]

    # Reading

    def feed(self, data: bytes) -> list[_In | Audio]:
        """Return what `data` completes. Look at `broken` afterwards; what came before the break is returned."""
        received: list[_In | Audio] = []
        self._in += data
        at = 0
        while self.broken is None and len(self._in) - at >= HEADER.size:
            length, kind = HEADER.unpack_from(self._in, at)
            if kind not in {CONTROL, AUDIO} or length > MAX_PAYLOAD:
                self._break("malformed", f"the other process sent a frame of type {kind} and {length} bytes")
                break
            end = at + HEADER.size + length
            if len(self._in) < end:
                break
            payload = bytes(memoryview(self._in)[at + HEADER.size : end])
            at = end
            try:
                message = self._control(payload) if kind == CONTROL else self._audio(payload)
            except ProtocolError as error:
                self._break("malformed", f"the other process sent what is not a message: {error}")
            else:
                if message is not None:
                    received.append(message)
        if self.broken is None:
            del self._in[:at]
        else:
            self._in.clear()
        return received

    def end(self) -> PipeBroken:
        """The other side has closed the connection; return why it is over."""
        if self._in:
            self._break("truncated", "the other process ended in the middle of a message")
        return self._break("closed", "the other process ended")

    def _control(self, payload: bytes) -> _In | None:
        message = self._parse(payload)
        if isinstance(message, Credit):
            self._credited(message)
            return None
        if not self._opened:
            protocol = getattr(message, "protocol", PROTOCOL)
            if not isinstance(message, self._opening) or protocol != PROTOCOL:
                self._break(
                    "version",
                    f"the other process speaks version {protocol} of the protocol between the two, this one version "
                    f"{PROTOCOL}; was offhook upgraded while it ran? Start the program again",
                )
                return None
            self._opened = True
        self._arrived(0, EVENT_WINDOW)
        return message

    def _audio(self, payload: bytes) -> Audio | None:
        audio = Audio.parse(payload)
        if not self._opened or len(self._untaken) > MAX_LEGS:
            self._break("malformed", "the other process sent audio before its first message, or of too many legs")
            return None
        self._arrived(audio.leg, AUDIO_WINDOW)
        return audio

    def _arrived(self, leg: int, window: int) -> None:
        self._untaken[leg] += 1
        if self._untaken[leg] > window:
            self._break("overflow", f"the other process sent more than {window} messages that were not taken yet")

    def taken(self, leg: int = 0) -> None:
        """A frame of audio of the leg, or (0) a control message, was handled: the other side may send another."""
        if leg not in self._untaken:  # it was forgotten meanwhile
            return
        self._untaken[leg] -= 1
        if not self._untaken[leg]:
            del self._untaken[leg]
        self._to_credit[leg] += 1
        if self._to_credit[leg] >= (AUDIO_WINDOW if leg else EVENT_WINDOW) // 4 and self.broken is None:
            self._frame(CONTROL, Credit(leg, self._to_credit.pop(leg)).to_text().encode())

    def _credited(self, credit: Credit) -> None:
        leg = credit.leg
        if leg not in self._on_their_way:  # it was forgotten while the credit was on its way
            return
        if credit.taken > self._on_their_way[leg]:
            self._break("malformed", f"the other process took {credit.taken} messages, and fewer were sent")
            return
        self._on_their_way[leg] -= credit.taken
        waiting = self._waiting.get(leg)
        while waiting and self._on_their_way[leg] < AUDIO_WINDOW:
            self._on_their_way[leg] += 1
            self._frame(AUDIO, waiting.popleft())

    def forget(self, leg: int) -> None:
        """The leg is over: forget what was counted for it."""
        for counts in (self._on_their_way, self._untaken, self._to_credit, self._lost):
            counts.pop(leg, None)
        self._waiting.pop(leg, None)

    def _break(self, why: Why, message: str) -> PipeBroken:
        if self.broken is None:
            self.broken = PipeBroken(why, message)
        return self.broken


def parent_link() -> Link[FromChild]:
    """The parent's end."""
    return Link(parse_from_child, (Ready, Unusable))


def child_link() -> Link[ToChild]:
    """The child's end."""
    return Link(parse_to_child, (Start,))
