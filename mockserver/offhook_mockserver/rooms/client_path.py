"""The network between one client and its room, as faults of a test make it; without a fault, nothing stands there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.interfaces import Direction
from offhook_wire.impaired_line import ImpairedLine

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.interfaces import AudioFrame
    from offhook_wire.impairment import Impairment

#: A frame that is further back than this is the first of a new numbering, and not late.
_RESTART_S: Final = 30.0


class ClientPath:
    """Made by a door for each client, and passed to `RoomFaults.entered`.

    Args:
        kick: removes the client from its room, with a reason.
        changed: called when an impairment was added or removed.

    Attributes:
        sent: impairs what the client sends; None if nothing does, so that the frame path has one comparison.
        heard: impairs what the client hears; None if nothing does.
        late: frames of PCM that were dropped because later ones had passed already.
    """

    def __init__(self, kick: Callable[[str], None], changed: Callable[[], None] = lambda: None) -> None:
        self.kick = kick
        self.sent: ImpairedLine | None = None
        self.heard: ImpairedLine | None = None
        self.late: int = 0
        self._changed = changed
        #: The position after the last frame, of each talker; 0 is the client.
        self._next: dict[int, int] = {}

    @property
    def cut(self) -> bool:
        """Whether nothing passes in either direction."""
        return _is_cut(self.sent) and _is_cut(self.heard)

    def impair(self, direction: Direction, impairment: Impairment) -> None:
        """Impair one direction from now on, behind the impairments that are there."""
        line = self.sent if direction is Direction.SENT else self.heard
        self._set(direction, (*(line.impairments if line is not None else ()), impairment))

    def heal(self, direction: Direction, impairment: Impairment) -> None:
        """Impair no more. The impairment is taken away when what is under way has arrived. Idempotent."""

        def remove() -> None:
            line = self.sent if direction is Direction.SENT else self.heard
            if line is not None:
                self._set(direction, tuple(other for other in line.impairments if other is not impairment))

        impairment.heal(remove)
        self._changed()

    def restarted(self, uid: int) -> None:
        """A talker's frames are numbered anew."""
        self._next.pop(uid, None)

    def carry_pcm(
        self, line: ImpairedLine, uid: int, frame: AudioFrame, deliver: Callable[[AudioFrame], object]
    ) -> bool:
        """Pass a frame over a line; late ones and duplicates are dropped, as by the jitter buffer of a receiver.

        Args:
            line: `sent` or `heard`.
            uid: the talker; 0 for the client.
            frame: the frame.
            deliver: called with the frame, now or later, or not at all.

        Returns:
            False if the frame is lost already, else True.
        """

        def arrive() -> None:
            expected = self._next.get(uid, 0)
            if expected - frame.rate_hz * _RESTART_S < frame.position < expected:
                self.late += 1
                return
            self._next[uid] = frame.position + frame.samples
            deliver(frame)

        return line.carry(frame.pcm, arrive, audio=True)

    def _set(self, direction: Direction, impairments: tuple[Impairment, ...]) -> None:
        line = ImpairedLine(*impairments) if impairments else None
        if direction is Direction.SENT:
            self.sent = line
        else:
            self.heard = line
        self._changed()


def _is_cut(line: ImpairedLine | None) -> bool:
    return line is not None and any(impairment.cut for impairment in line.impairments)
