"""What was heard in a call: clips and their measures, markers, questions that explain their answers, and a picture.

The measures need ``offhook[audio]``, when they are used.
"""

from __future__ import annotations

from offhook.testing.audio.clip import Clip, Match, marker
from offhook.testing.audio.heard import Heard
from offhook.testing.audio.picture import waveforms_svg
from offhook.testing.audio.spans import Span
from offhook.testing.audio.tracks import Mark, MarkKind, State, Track
from offhook.testing.audio.turns import ResponseTimes
from offhook.testing.audio.verdict import Answer, Figure, Verdict

__all__ = [
    "Answer",
    "Clip",
    "Figure",
    "Heard",
    "Mark",
    "MarkKind",
    "Match",
    "ResponseTimes",
    "Span",
    "State",
    "Track",
    "Verdict",
    "marker",
    "waveforms_svg",
]
