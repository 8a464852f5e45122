"""Findings about when sound was heard: silence after a moment, sound after it, speech in a stretch of time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.testing.audio.content import what_is
from offhook.testing.audio.spans import Span, amount, common, limit, shown, total_s
from offhook.testing.audio.verdict import Finding

if TYPE_CHECKING:
    from offhook.testing.audio.clip import Clip

#: pytest shows the line of the test, and none of ours.
__tracebackhide__: Final = True

#: Times are measured in steps of 10 ms, so that a limit that is met exactly may seem to be missed by one step.
_STEP_S: Final = 0.0101


def silence_after(heard: Clip, at_s: float, within_s: float, for_s: float) -> Finding:
    """Whether sound stops in time after a moment, and does not begin again for some time or before the end."""
    expected = f"silence begins at most {limit(within_s)} after {at_s:.2f} s, and lasts {limit(for_s)} or to the end"
    if at_s >= heard.ends_at_s:
        return _over(heard, at_s, expected)
    quiet_s = at_s
    for span in heard.sound():
        if span.from_s - quiet_s >= for_s - _STEP_S:
            break
        quiet_s = max(quiet_s, span.to_s)
    late_s = quiet_s - at_s - within_s
    cure = "whether the application stops playing (Call.clear) when the callee speaks, and what it plays afterwards"
    if quiet_s >= heard.ends_at_s - _STEP_S:
        found = f"sound went on from {at_s:.2f} s until the audio ends at {heard.ends_at_s:.2f} s"
        return Finding(False, expected, found, cure, True, abs(late_s))
    found = f"silence begins at {quiet_s:.2f} s, {quiet_s - at_s:.2f} s after {at_s:.2f} s"
    if late_s > _STEP_S:
        after = [Span(at_s, quiet_s)]  # what is too short for speech is named if there is nothing else
        until = shown(common(heard.speech(), after) or common(heard.sound(), after))
        late = f"{found}, {amount(late_s)} too late; sound was heard at {until}"
        return Finding(False, expected, late, cure, True, late_s)
    return Finding(True, expected, found, cure, True, abs(late_s))


def sound_after(heard: Clip, at_s: float, within_s: float) -> Finding:
    """Whether there is sound soon after a moment; it may have begun before."""
    expected = f"sound is heard at most {limit(within_s)} after {at_s:.2f} s"
    if at_s >= heard.ends_at_s:
        return _over(heard, at_s, expected)
    first = next((span for span in heard.sound() if span.to_s > at_s), None)
    cure = "what the application does after that moment, before it plays anything"
    if first is None:
        missing_s = max(0.0, heard.ends_at_s - at_s - within_s)
        return Finding(False, expected, f"no sound after {at_s:.2f} s; {what_is(heard)}", cure, True, missing_s)
    after_s = max(0.0, first.from_s - at_s)
    found = f"sound begins at {first.from_s:.2f} s, {after_s:.2f} s after {at_s:.2f} s"
    if not after_s:
        found = f"sound is heard at {at_s:.2f} s; it began at {first.from_s:.2f} s"
    late_s = after_s - within_s
    if late_s > _STEP_S:
        return Finding(False, expected, f"{found}, {amount(late_s)} too late", cure, True, late_s)
    return Finding(True, expected, found, cure, True, abs(late_s))


def speech_between(heard: Clip, from_s: float, to_s: float, at_least_s: float) -> Finding:
    """Whether there is that much speech in a stretch of time."""
    there = common(heard.speech(), [Span(from_s, to_s)])
    spoken_s = total_s(there)
    expected = f"at least {limit(at_least_s)} of speech between {from_s:.2f} and {to_s:.2f} s"
    found = f"{spoken_s:.2f} s of speech there, at {shown(there)}" if there else f"no speech there; {what_is(heard)}"
    cure = "what the application plays in that time"
    enough = spoken_s + _STEP_S >= at_least_s and bool(there)
    return Finding(enough, expected, found, cure, True, abs(at_least_s - spoken_s))


def no_moment(expected: str, ended: str) -> Finding:
    """The finding about a moment that never came; `ended` says how the call ended, if that is known."""
    found = "at_s is None: what it stands for did not happen"
    cure = "whether the callee reached that step of its script (its history shows that)"
    if ended:
        found += f" before the end of the call: {ended}"
        cure += ", and why the call ended before"
    return Finding(False, expected, found, cure, True)


def _over(heard: Clip, at_s: float, expected: str) -> Finding:
    found = f"the audio ends at {heard.ends_at_s:.2f} s, before {at_s:.2f} s"
    return Finding(False, expected, found, "which side ended the call, and when", True, at_s - heard.ends_at_s)
