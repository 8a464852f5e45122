"""How a call ended, as a sentence for messages of the kit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook_mockserver.callees.ends import CalleeEnd

if TYPE_CHECKING:
    from offhook_mockserver.tenants.call import MockCall

#: How texts of ends begin that need an article within a sentence.
_SIDES: Final = ("caller", "callee", "channel")


def how_ended(call: MockCall, over: bool) -> str:
    """Say who ended a call, and when: ``the caller hung up 5.70 s after the answer``; empty while it goes on.

    Args:
        call: the call; read on the mock's loop.
        over: whether caller and callee have left the channel.
    """
    text = call.end_text or (CalleeEnd.ROOM_CLOSED.text if over else "")
    if text.startswith(_SIDES):
        text = f"the {text}"
    lasted_s = call.callee.lasted_s
    return f"{text} {lasted_s:.2f} s after the answer" if text and lasted_s is not None else text
