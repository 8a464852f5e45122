"""What an application owed its callee: for how long it said nothing to a callee that had spoken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from offhook.errors import OffhookError

if TYPE_CHECKING:
    from offhook_mockserver.testkit.calls import CallHandle

#: Speech that ends this soon after the callee has stopped is no reply: it is what the callee spoke over.
_OVERLAP_S: Final = 0.15
#: An application that hangs up sooner after the callee has stopped did not wait; later, it did not reply.
_REPLY_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Owed:
    """What an application owes a callee that it was silent to.

    Attributes:
        since_s: when the callee stopped speaking, in seconds since it answered; None if it has not spoken.
        for_s: for how long the application has said nothing since then, or since the answer.
    """

    since_s: float | None
    for_s: float

    @property
    def is_reply(self) -> bool:
        """Whether there was time to reply: an application that hangs up sooner did not wait."""
        return self.for_s >= _REPLY_S

    def text(self, how: str) -> str:
        """The sentence for people.

        Args:
            how: how the call ended; empty if it goes on.
        """
        if self.since_s is None:
            text = "the application said nothing after the answer"
            text += "" if how else f", for {self.for_s:.2f} s"
        else:
            text = (
                f"the callee stopped speaking at {self.since_s:.2f} s; the application said nothing after that for "
                f"{self.for_s:.2f} s"
            )
        return f"{text}, and then {how}" if how else text


def owed(call: CallHandle) -> Owed | None:
    """Return for how long an application was silent to a callee that had spoken to it, or that listens for speech.

    None if it was not, if the callee speaks, or if that cannot be measured.
    """
    try:
        if not call.answered:
            return None
        heard, spoke_s, stopped_s = call.heard, call.spoke_at_s, call.stopped_speaking_at_s
        last_s = max((span.to_s for span in heard.speech), default=0.0)
    except OffhookError:  # no numpy, for example, or not everything was kept
        return None
    lasted_s = heard.clip.ends_at_s
    if spoke_s is None:
        listens = bool(call.unfinished) and "listens until the caller" in call.unfinished[0]
        return Owed(None, lasted_s) if listens and not last_s else None
    if stopped_s is None or stopped_s < spoke_s or last_s > stopped_s + _OVERLAP_S or lasted_s < stopped_s:
        return None
    return Owed(stopped_s, lasted_s - stopped_s)
