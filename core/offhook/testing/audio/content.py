"""Findings about what was heard: which clip, which tone, how loud, how damaged, in one direction or both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.interfaces.frame import SILENCE_DBFS
from offhook.testing.audio.spans import amount, limit, shown, total_s
from offhook.testing.audio.verdict import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from offhook.testing.audio.clip import Clip, Match
    from offhook.testing.audio.spans import Span

#: pytest shows the line of the test, and none of ours.
__tracebackhide__: Final = True

#: What reports of failed tests call the file of what was heard.
HEARD_FILE: Final = "caller.wav"
#: A clip is recognised by its opening of this length: an application that is spoken over may not play more of it.
OPENING_S: Final = 0.6
#: At least this share of a clip is certainly of this clip, and not of other speech of the same voice.
RECOGNISED: Final = 1 / 3
#: Where only a part of the opening is found, it must be this much alike: other speech may resemble a part of it.
_SURE: Final = 0.85
#: In less sound than this, a clip may not be recognised: it is the block that is compared.
LEAST_S: Final = 0.3
_ENDS: Final = "what cuts the audio off so early: which side ended the call, and whether the application stops playing"
#: Sound that begins this much before a clip is other sound.
_OTHER_S: Final = 0.15
#: A clip that begins this much before the answer has lost its beginning.
_EARLY_S: Final = 0.05
#: A clip that would go on for longer than this was cut off by the end of the call.
_END_S: Final = 0.1
#: Fewer samples near full scale are peaks.
_MOST_CLIPPED: Final = 0.001


def starts_with(heard: Clip, wanted: Clip, within_s: float, ended: str = "", file: str = HEARD_FILE) -> Finding:
    """Whether the first sound is the opening of a clip, in time."""
    name = name_of(wanted)
    first_s = wanted.sound()[0].from_s
    match = heard.find(wanted.part(first_s, first_s + OPENING_S))
    expected = f"{name} begins at most {limit(within_s)} after the answer, and nothing is heard before it"
    if match is None or (match.covered < 1 and match.correlation < _SURE):
        if too_little := _too_little(heard, wanted, ended):
            return Finding(False, expected, too_little, _ENDS, True)
        return Finding(
            False,
            expected,
            f"{name} does not begin anywhere; {what_is(heard)}",
            f"whether the application plays this clip at all, and to this call; {file} is what was heard",
        )
    begins_s = match.at_s - (first_s - wanted.starts_at_s) - heard.starts_at_s
    before = [span for span in heard.sound() if span.from_s < match.at_s - _OTHER_S]
    found = f"{name} begins {begins_s:.2f} s after the answer (correlation {match.correlation:.2f})"
    if begins_s < -_EARLY_S:
        lost = f"{name} began {-begins_s:.2f} s before the answer, so that its beginning was not heard"
        cure = "whether the application waits for the answer before it plays"
        return Finding(False, expected, lost, cure, True, -begins_s)
    if before:
        other = f"other sound comes first, at {shown(before)}; {found}"
        return Finding(False, expected, other, "what the application plays before this clip")
    if begins_s > within_s:
        late_s = begins_s - within_s
        cure = "what the application does between the answer and its first sound"
        return Finding(False, expected, f"{found}, {amount(late_s)} too late", cure, True, late_s)
    cure = "what the application plays first after the answer"
    return Finding(True, expected, found, cure, off_by_s=within_s - begins_s)


def contains(heard: Clip, wanted: Clip, at_least: float, ended: str = "", file: str = HEARD_FILE) -> Finding:
    """Whether a clip was heard, or that share of it."""
    name = name_of(wanted)
    match = heard.find(wanted)
    expected = f"{name} is heard, at least {at_least:.0%} of it"
    if match is None or (match.covered < min(at_least, RECOGNISED) and match.correlation < _SURE):
        if too_little := _too_little(heard, wanted, ended):
            return Finding(False, expected, too_little, _ENDS, True)
        cure = f"whether the application plays this clip at all, and to this call; {file} is what was heard"
        return Finding(False, expected, f"{name} was not found; {what_is(heard)}", cure)
    found = f"{match.covered:.0%} of {name}, which begins {_details(heard, match)}"
    if match.at_s + wanted.duration_s > heard.ends_at_s + _END_S:
        found += f"; the audio ends at {heard.ends_at_s:.2f} s, before the clip does"
    if match.covered < at_least:
        cure = "what cuts the clip off: a flush, a hang-up, lost frames (has_no_gaps), or other sound over it"
        return Finding(False, expected, found, cure, True, (at_least - match.covered) * total_s(wanted.sound()))
    return Finding(True, expected, found, "why the application plays it then")


def has_tone(heard: Clip, hz: float, at_least_s: float) -> Finding:
    """Whether a tone was heard without a break for some time."""
    spans = heard.tones(hz)
    longest_s = max((span.duration_s for span in spans), default=0.0)
    expected = f"a tone of {hz:g} Hz for {limit(at_least_s)} without a break"
    if not spans:
        cure = "whether the application sends this tone, and its frequency: 50 Hz off is another tone"
        return Finding(False, expected, f"no tone of {hz:g} Hz; {what_is(heard)}", cure)
    found = f"a tone of {hz:g} Hz at {shown(spans)}, {longest_s:.2f} s without a break"
    cure = "how long the application sends it, and lost frames"
    return Finding(longest_s >= at_least_s, expected, found, cure, off_by_s=abs(at_least_s - longest_s))


def level_between(heard: Clip, lowest_dbfs: float, highest_dbfs: float) -> Finding:
    """Whether the sound is as loud as it should be; pauses do not count."""
    expected = f"sound between {lowest_dbfs:g} and {highest_dbfs:g} dBFS (root mean square, without pauses)"
    sound = heard.sound()
    if not sound:
        return Finding(False, expected, "nothing", "whether the application plays anything to this call")
    power = sum(10 ** (heard.level_dbfs(span.from_s, span.to_s) / 10) * span.duration_s for span in sound)
    level = level_of(power / total_s(sound))
    found = f"sound of {level:.1f} dBFS, at {shown(sound)}"
    if level < lowest_dbfs:
        found += f", {lowest_dbfs - level:.1f} dB too quiet"
    elif level > highest_dbfs:
        found += f", {level - highest_dbfs:.1f} dB too loud"
    cure = "gains and filters of the application, and the level of what it plays"
    return Finding(lowest_dbfs <= level <= highest_dbfs, expected, found, cure)


def is_silent(heard: Clip) -> Finding:
    """Whether nothing was heard."""
    sound = heard.sound()
    cure = "what the application plays" if sound else "whether the application plays anything, and to this call"
    return Finding(not sound, "nothing is heard", what_is(heard), cure)


def is_not_clipped(heard: Clip) -> Finding:
    """Whether no peaks are cut off at full scale, but for some that cannot be heard."""
    share = heard.clipped_share()
    found = f"{share:.2%} of the samples are within 0.5 dB of full scale; the peak is {heard.peak_dbfs():.1f} dBFS"
    cure = "gains of the application, and sources that are mixed without headroom"
    return Finding(
        share <= _MOST_CLIPPED, f"at most {_MOST_CLIPPED:.1%} of the samples are near full scale", found, cure
    )


def has_no_gaps(heard: Clip, gaps: Sequence[Span], most_s: float) -> Finding:
    """Whether no frames are missing for longer than `most_s`."""
    long = [gap for gap in gaps if gap.duration_s > most_s]
    expected = f"no audio is missing for longer than {limit(most_s)}"
    if not gaps:
        return Finding(True, expected, f"no gap in {heard.duration_s:.2f} s", "the faults of this test")
    longest_s = max(gap.duration_s for gap in gaps)
    found = f"{len(gaps)} gaps, {total_s(gaps):.2f} s in all, the longest {longest_s * 1000:.0f} ms, at {shown(gaps)}"
    if len(gaps) == 1:
        found = f"one gap, {longest_s * 1000:.0f} ms, at {shown(gaps)}"
    cure = "what blocks the application for that time, losses of the network, and the media faults of this test"
    return Finding(not long, expected, found, cure, True, abs(longest_s - most_s))


def is_one_way(heard: Clip, said: Clip) -> Finding:
    """Whether exactly one of both directions is silent."""
    caller, callee = bool(heard.sound()), bool(said.sound())
    silent = [side for side, loud in (("the caller", caller), ("the callee", callee)) if not loud]
    found = f"{' and '.join(silent)} made no sound" if silent else "both made sound"
    found += f"; {what_is(heard)}; the callee said {_sound_of(said)}"
    cure = "whether the silent side plays anything, and the media faults of this test"
    return Finding(len(silent) == 1, "one side makes sound and the other does not", found, cure)


def _too_little(heard: Clip, wanted: Clip, ended: str) -> str:
    """Say that so little was heard that no clip can be recognised in it; empty if there was more, or nothing."""
    sound_s = total_s(heard.sound())
    if not sound_s or sound_s >= min(LEAST_S, total_s(wanted.sound())):
        return ""
    text = f"only {sound_s:.2f} s of sound was heard, too little to tell whether it is {name_of(wanted)}"
    return f"{text}; {ended}" if ended else text


def what_is(heard: Clip) -> str:
    """What was heard, for a message."""
    return f"heard was {_sound_of(heard)}"


def name_of(clip: Clip) -> str:
    """What a message calls a clip."""
    return clip.name or "the clip"


def level_of(power: float) -> float:
    """A mean power in dB relative to full scale."""
    from math import log10

    return 10 * log10(power) if power else SILENCE_DBFS


def _sound_of(clip: Clip) -> str:
    spans = clip.speech()
    return f"sound at {shown(spans)}" if spans else f"nothing in {clip.duration_s:.2f} s"


def _details(heard: Clip, match: Match) -> str:
    after_s = match.at_s - heard.starts_at_s
    when = f"{after_s:.2f} s after the answer" if after_s >= 0 else f"{-after_s:.2f} s before the answer"
    return f"{when} (correlation {match.correlation:.2f}, gain {match.gain_db:+.1f} dB)"
