"""The source ``morse``: a text as tones, 20 words a minute."""

from __future__ import annotations

import math
from typing import Final

from offhook.errors import SourceError
from offhook.interfaces import AudioFrame, AudioSource

_RATE_HZ: Final = 16_000
_TONE_HZ: Final = 700
_AMPLITUDE: Final = 0.3
#: A dot. A dash and the pause between letters last three dots, the pause between words seven.
_DOT: Final = _RATE_HZ * 60 // 1000
#: Tones begin and end softly, so that they do not click.
_RAMP: Final = _RATE_HZ * 5 // 1000
_MOST: Final = 200

_CODES: Final = dict(
    zip(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
        ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --.. "
        "----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----.".split(),
        strict=True,
    )
)


class MorseSource(AudioSource):
    """Returns one frame for each tone, and for each pause."""

    def __init__(self, text: str) -> None:
        text = text.upper()
        unknown = sorted(set(text) - _CODES.keys() - {" "})
        if unknown or not text.strip() or len(text) > _MOST:
            problem = f"Morse code has no {unknown[0]!r}" if unknown else f"it has {len(text)} characters"
            raise SourceError(f"'morse:...' is no good: {problem}. Write 1 to {_MOST} letters and digits: morse:SOS")
        words = ["   ".join(" ".join(_CODES[letter]) for letter in word) for word in text.split()]
        self._left = "       ".join(words) + " "
        self._position = 0

    async def read(self) -> AudioFrame | None:
        if not self._left:
            return None
        # A dot, a dash, or all blanks up to the next of them; a blank is a pause as long as a dot.
        length = 1 if self._left[0] in ".-" else len(self._left) - len(self._left.lstrip())
        sign, self._left = self._left[:length], self._left[length:]
        samples = [0.0] * (_DOT * length) if sign.isspace() else _tone(_DOT * (3 if sign == "-" else 1))
        frame = AudioFrame.from_floats(samples, _RATE_HZ, self._position)
        self._position += frame.samples
        return frame

    async def aclose(self) -> None:
        self._left = ""


def _tone(length: int) -> list[float]:
    step = 2 * math.pi * _TONE_HZ / _RATE_HZ
    return [_AMPLITUDE * min(1.0, at / _RAMP, (length - at) / _RAMP) * math.sin(step * at) for at in range(length)]
