"""Fictional numbers that decide the outcome of a call, so that a test needs no script.

All are from +1 NPA 555 01XX, the range reserved for fiction, so that a number that leaks into production does not ring
a real telephone. The idea of magic numbers is Twilio's; we chose what each number does. The grade of everything here is
assumed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.wording import printable
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
from offhook_mockserver.callees.speech import CLIPS

if TYPE_CHECKING:
    from collections.abc import Mapping


SPEECH: Final = CLIPS
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
    "+14155550109": Script("is busy (as on Agora, the caller only sees no answer)", (Busy(),)),
    "+14155550110": Script("is unreachable (as on Agora, the caller only sees no answer)", (Unreachable(),)),
    "+14155550111": Script(
        "answers on a device that is not in the channel (the caller only sees no answer)",
        (Ring(2.0), AnsweredElsewhere()),
    ),
    "+14155550112": Script("goes to voicemail: greets, beeps, records for 30 s", (Ring(3.0), Voicemail())),
    "+14155550113": Script(
        "answers, says hello, puts you on hold for 5 s, resumes and replies",
        (Ring(1.0), Answer(), Say(HELLO), Hold(), Wait(5.0), Resume(), Say(REPLY)),
    ),
    "+14155550114": Script(
        "answers, says hello, drops off the network for 3 s, comes back and replies",
        (Ring(1.0), Answer(), Say(HELLO), ComeBack(3.0), Say(REPLY)),
    ),
    "+14155550115": Script(
        "answers, and joins with a second device 2 s later",
        (Ring(1.0), Answer(), Wait(2.0), SecondDevice()),
    ),
    "+14155550116": Script(
        "answers, says hello, mutes for 3 s, unmutes and replies",
        (Ring(1.0), Answer(), Say(HELLO), Mute(), Wait(3.0), Unmute(), Say(REPLY)),
    ),
    "+14155550117": Script(
        "answers from a noisy place, listens and replies",
        (Ring(1.0), Answer(), Noise(-35.0), ListenFor(Sound.SPEECH), ListenFor(Sound.QUIET), Say(REPLY)),
    ),
    "+14155550118": Script("answers and echoes what you say half a second later", (Ring(1.0), Answer(), Echo(0.5))),
    "+14155550119": Script(
        "answers, interrupts you 0.5 s after you begin, then waits for you to hang up",
        (Ring(1.0), Answer(), BargeIn(HELLO)),
    ),
    "+14155550120": Script(
        "answers and says hello up to three times until you speak; then replies, or else hangs up",
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


def table(scripts: Mapping[str, Script] | None = None) -> str:
    """The numbers and what they do, one number on each line, for people.

    Args:
        scripts: scripts that come before those of the table.
    """
    rows = [f"  {number}  {printable(script.summary)}" for number, script in all_numbers(scripts).items()]
    return "\n".join([*rows, f"  any other     like {DEFAULT_NUMBER}"])


def all_numbers(scripts: Mapping[str, Script] | None = None) -> Mapping[str, Script]:
    """Every number with a script, those of `scripts` first."""
    own = scripts or {}
    return {**own, **{number: script for number, script in NUMBERS.items() if number not in own}}
