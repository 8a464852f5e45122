"""Fictional numbers that decide the outcome of a call, so that a test needs no script.

All are from +1 NPA 555 01XX, the range reserved for fiction, so that a number that leaks into production does not ring
a real telephone. The idea of magic numbers is Twilio's; we chose what each number does. The grade of everything here is
assumed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook_mockserver.callees.script import (
    Answer,
    AnsweredElsewhere,
    BargeIn,
    Busy,
    ComeBack,
    Condition,
    Decline,
    Drop,
    Echo,
    HangUp,
    Hold,
    IfHeard,
    ListenFor,
    Mute,
    NeverAnswer,
    Noise,
    Repeat,
    Resume,
    Ring,
    Say,
    Script,
    SecondDevice,
    Sound,
    Unmute,
    Unreachable,
    Voicemail,
    Wait,
)
from offhook_mockserver.callees.summaries import CLIPS, DEFAULT_NUMBER, SUMMARIES

if TYPE_CHECKING:
    from collections.abc import Mapping


SPEECH: Final = CLIPS
HELLO: Final = SPEECH / "hello.wav"
REPLY: Final = SPEECH / "reply.wav"

NUMBERS: Final[Mapping[str, Script]] = {
    DEFAULT_NUMBER: Script(
        SUMMARIES[DEFAULT_NUMBER],
        (Ring(1.5), Answer(), ListenFor(Sound.SPEECH), ListenFor(Sound.QUIET), Say(REPLY)),
    ),
    "+14155550101": Script(
        SUMMARIES["+14155550101"],
        (Ring(1.0), Answer(), Say(HELLO), Wait(0.5), HangUp()),
    ),
    "+14155550102": Script(SUMMARIES["+14155550102"], (NeverAnswer(),)),
    "+14155550103": Script(SUMMARIES["+14155550103"], (Ring(2.0), Decline())),
    "+14155550104": Script(
        SUMMARIES["+14155550104"],
        (Ring(1.0), Answer(), Say(REPLY, duration_s=1.2), Drop()),
    ),
    "+14155550105": Script(SUMMARIES["+14155550105"], (Ring(1.0), Answer(), Echo())),
    "+14155550106": Script(SUMMARIES["+14155550106"], (Ring(1.0), Answer())),
    "+14155550107": Script(
        SUMMARIES["+14155550107"],
        (Ring(1.0), Answer(), ListenFor(Sound.SPEECH), Wait(0.8), HangUp()),
    ),
    "+14155550108": Script(
        SUMMARIES["+14155550108"],
        (Ring(1.0), Answer(), Say(HELLO), ListenFor(Sound.SPEECH), Wait(0.8), Say(REPLY)),
    ),
    "+14155550109": Script(SUMMARIES["+14155550109"], (Busy(),)),
    "+14155550110": Script(SUMMARIES["+14155550110"], (Unreachable(),)),
    "+14155550111": Script(
        SUMMARIES["+14155550111"],
        (Ring(2.0), AnsweredElsewhere()),
    ),
    "+14155550112": Script(SUMMARIES["+14155550112"], (Ring(3.0), Voicemail())),
    "+14155550113": Script(
        SUMMARIES["+14155550113"],
        (Ring(1.0), Answer(), Say(HELLO), Hold(), Wait(5.0), Resume(), Say(REPLY)),
    ),
    "+14155550114": Script(
        SUMMARIES["+14155550114"],
        (Ring(1.0), Answer(), Say(HELLO), ComeBack(3.0), Say(REPLY)),
    ),
    "+14155550115": Script(
        SUMMARIES["+14155550115"],
        (Ring(1.0), Answer(), Wait(2.0), SecondDevice()),
    ),
    "+14155550116": Script(
        SUMMARIES["+14155550116"],
        (Ring(1.0), Answer(), Say(HELLO), Mute(), Wait(3.0), Unmute(), Say(REPLY)),
    ),
    "+14155550117": Script(
        SUMMARIES["+14155550117"],
        (Ring(1.0), Answer(), Noise(-35.0), ListenFor(Sound.SPEECH), ListenFor(Sound.QUIET), Say(REPLY)),
    ),
    "+14155550118": Script(SUMMARIES["+14155550118"], (Ring(1.0), Answer(), Echo(0.5))),
    "+14155550119": Script(
        SUMMARIES["+14155550119"],
        (Ring(1.0), Answer(), BargeIn(HELLO)),
    ),
    "+14155550120": Script(
        SUMMARIES["+14155550120"],
        (
            Ring(1.0),
            Answer(),
            Repeat(
                3,
                (
                    Say(HELLO),
                    ListenFor(Sound.SPEECH, within_s=4.0),
                    IfHeard(Condition.SPEECH, (ListenFor(Sound.QUIET), Say(REPLY), HangUp())),
                ),
            ),
            HangUp(),
        ),
    ),
}


def all_numbers(scripts: Mapping[str, Script] | None = None) -> Mapping[str, Script]:
    """Every number with a script, those of `scripts` first."""
    own = scripts or {}
    return {**own, **{number: script for number, script in NUMBERS.items() if number not in own}}
