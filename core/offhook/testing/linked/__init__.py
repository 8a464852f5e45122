"""Linked legs: a transport whose channel is in memory, the double of every real transport."""

from __future__ import annotations

from offhook.testing.linked.channel import LinkedMember
from offhook.testing.linked.far_end import LinkedFarEnd
from offhook.testing.linked.transport import LinkedTransport

__all__ = [
    "LinkedFarEnd",
    "LinkedMember",
    "LinkedTransport",
]
