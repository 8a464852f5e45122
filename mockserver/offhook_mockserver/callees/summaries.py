"""What the callees at the fictional numbers do, in words: what `offhook mock` shows before it needs their scripts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from offhook.wording import printable

if TYPE_CHECKING:
    from collections.abc import Mapping


#: The folder with the clips that the table of numbers uses: greeting.wav, hello.wav and reply.wav.
CLIPS: Final = Path(__file__).parent / "clips"
#: The callee answers, listens and replies; numbers that are not in the table behave the same.
DEFAULT_NUMBER: Final = "+14155550123"
SUMMARIES: Final[Mapping[str, str]] = {
    DEFAULT_NUMBER: "answers, listens, replies after you have spoken and paused, then waits for you to hang up",
    "+14155550101": "answers, says hello at once, then hangs up",
    "+14155550102": "never answers",
    "+14155550103": "declines (as on Agora, the caller only sees no answer)",
    "+14155550104": "answers and drops off the network in mid-sentence",
    "+14155550105": "answers and echoes what you say",
    "+14155550106": "answers and stays silent",
    "+14155550107": "answers and hangs up in the middle of what you say",
    "+14155550108": "answers, says hello, talks over what you say, then waits for you to hang up",
    "+14155550109": "is busy (as on Agora, the caller only sees no answer)",
    "+14155550110": "is unreachable (as on Agora, the caller only sees no answer)",
    "+14155550111": "answers on a device that is not in the channel (the caller only sees no answer)",
    "+14155550112": "goes to voicemail: greets, beeps, records for 30 s",
    "+14155550113": "answers, says hello, puts you on hold for 5 s, resumes and replies",
    "+14155550114": "answers, says hello, drops off the network for 3 s, comes back and replies",
    "+14155550115": "answers, and joins with a second device 2 s later",
    "+14155550116": "answers, says hello, mutes for 3 s, unmutes and replies",
    "+14155550117": "answers from a noisy place, listens and replies",
    "+14155550118": "answers and echoes what you say half a second later",
    "+14155550119": "answers, interrupts you 0.5 s after you begin, then waits for you to hang up",
    "+14155550120": "answers and says hello up to three times until you speak; then replies, or else hangs up",
}


def table(own: Mapping[str, str] | None = None) -> str:
    """The numbers and what they do, one number on each line, for people.

    Args:
        own: summaries of scripts that come before those of the table, by their numbers.
    """
    own = own or {}
    told = {**own, **{number: text for number, text in SUMMARIES.items() if number not in own}}
    rows = [f"  {number}  {printable(text)}" for number, text in told.items()]
    return "\n".join([*rows, f"  any other     like {DEFAULT_NUMBER}"])
