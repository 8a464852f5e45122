"""Numbers in the arguments of spec strings: ``440,2.5,-20``."""

from __future__ import annotations

from dataclasses import dataclass

from offhook.errors import ConfigError, SourceError
from offhook.wording import quoted


@dataclass(frozen=True, slots=True)
class Number:
    """One number that may be given: what it is called, its unit, and the range that it lies in."""

    name: str
    unit: str
    least: float
    most: float

    def read(self, text: str, spec: str, example: str, error: type[ConfigError] = SourceError) -> float:
        """The number in `text`.

        Raises:
            ConfigError: (of the kind `error`) no number, or out of range; `spec` is the whole spec and `example` a good
                one.
        """
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not self.least <= value <= self.most:  # also false for NaN
            raise error(
                f"{quoted(spec)} is no good: {quoted(text)} is not a {self.name} of {self.least:g} to {self.most:g} "
                f"{self.unit}. Write for example {example}"
            )
        return value


#: How long a made-up sound may last.
DURATION = Number("duration", "seconds", 0.001, 86_400)
