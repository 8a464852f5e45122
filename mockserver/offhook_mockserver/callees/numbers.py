"""Fictional numbers that decide the outcome of a call, so that a test needs no script.

All are from +1 NPA 555 01XX, the range reserved for fiction, so that a number that leaks into production does not ring
a real telephone. The idea of magic numbers is Twilio's; we chose what each number does. The grade of everything here is
assumed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from offhook_mockserver.callees.script import (
    Answer,
    Decline,
    Drop,
    Echo,
    HangUp,
    ListenFor,
    NeverAnswer,
    Ring,
    Say,
    Script,
    Sound,
    Wait,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


SPEECH: Final = Path(__file__).parent / "clips"
HELLO: Final = SPEECH / "hello.wav"
REPLY: Final = SPEECH / "reply.wav"

#: The callee answers, listens and replies; numbers that are not in the table behave the same.
DEFAULT_NUMBER: Final = "+14155550123"

NUMBERS: Final[Mapping[str, Script]] = {
    DEFAULT_NUMBER: Script(
        "answers, listens, replies after you have spoken and paused, then waits for you to hang up",
        (Ring(1.5), Answer(), ListenFor(Sound.SPEECH), ListenFor(Sound.QUIET), Say(REPLY)),
    ),
    "+14155550101": Script(
        "answers, says hello at once, then hangs up",
        (Ring(1.0), Answer(), Say(HELLO), Wait(0.5), HangUp()),
    ),
    "+14155550102": Script("never answers", (NeverAnswer(),)),
    "+14155550103": Script("declines (as on Agora, the caller only sees no answer)", (Ring(2.0), Decline())),
    "+14155550104": Script(
        "answers and drops off the network in mid-sentence",
        (Ring(1.0), Answer(), Say(REPLY, duration_s=1.2), Drop()),
    ),
    "+14155550105": Script("answers and echoes what you say", (Ring(1.0), Answer(), Echo())),
    "+14155550106": Script("answers and stays silent", (Ring(1.0), Answer())),
    "+14155550107": Script(
        "answers and hangs up in the middle of what you say",
        (Ring(1.0), Answer(), ListenFor(Sound.SPEECH), Wait(0.8), HangUp()),
    ),
    "+14155550108": Script(
        "answers, says hello, talks over what you say, then waits for you to hang up",
        (Ring(1.0), Answer(), Say(HELLO), ListenFor(Sound.SPEECH), Wait(0.8), Say(REPLY)),
    ),
}


def script_for(number: str) -> Script:
    """The script of the callee at `number`."""
    return NUMBERS.get(number) or NUMBERS[DEFAULT_NUMBER]


def table() -> str:
    """The numbers and what they do, one number on each line, for people."""
    rows = [f"  {number}  {script.summary}" for number, script in NUMBERS.items()]
    return "\n".join([*rows, f"  any other     like {DEFAULT_NUMBER}"])
