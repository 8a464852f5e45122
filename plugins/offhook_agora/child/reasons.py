"""What the SDK's numbers mean for a leg."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from offhook_agora.messages import Closed, Failed, Reason, Refused, sentence

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a reason of the connection means when it ends the leg.

    Attributes:
        reason: for programs.
        text: for people, as part of a sentence.
        put_out: the channel ended it, and coming back is of no use without another token or uid.
    """

    reason: Reason
    text: str
    put_out: bool = False


#: By the number in the SDK's callbacks on_disconnected and on_connection_failure. The others (0-2, 11-18) accompany
#: callbacks that do not end anything.
MEANINGS: Final[Mapping[int, Meaning]] = MappingProxyType(
    {
        3: Meaning(Reason.KICKED, "the channel's owner removed us", put_out=True),
        4: Meaning(Reason.GAVE_UP, "the SDK could not reach the channel and stopped trying"),
        5: Meaning(Reason.LEFT, "left", put_out=True),
        6: Meaning(Reason.APP_ID, "the app id is not valid"),
        7: Meaning(Reason.CHANNEL, "the name of the channel is not valid"),
        8: Meaning(Reason.TOKEN, "the token is not valid, or is for another channel or uid", put_out=True),
        9: Meaning(Reason.TOKEN_EXPIRED, "the token has expired", put_out=True),
        10: Meaning(Reason.REJECTED, "the channel refused us"),
        19: Meaning(Reason.REPLACED, "another client joined with the same uid", put_out=True),
        20: Meaning(Reason.TOO_MANY, "too many members publish in the channel"),
        21: Meaning(Reason.LICENCE, "the SDK did not accept the licence"),
        22: Meaning(Reason.LICENCE, "the SDK did not accept a certificate"),
    }
)


def meaning(number: int) -> Meaning:
    """Return what a number means; unknown ones are generic."""
    return MEANINGS.get(number) or Meaning(Reason.UNKNOWN, f"the SDK ended the connection with reason {number}")


def ending(leg: int, joined: bool, what: Meaning) -> Refused | Closed | Failed:
    """Return the message that ends a leg."""
    kind = Closed if joined and what.put_out else Failed if joined else Refused
    return kind(leg, what.reason, sentence(what.text))


class Refusal(Exception):
    """A request cannot be carried out; becomes a `Refused`.

    Args:
        reason: for programs.
        text: for people.
    """

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.reason = reason
        self.text = text
