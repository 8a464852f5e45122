"""Numbers in the arguments of spec strings, such as ``440,2.5,-20``."""

from __future__ import annotations

from dataclasses import dataclass

from offhook.arguments import check_number
from offhook.errors import ConfigError, SourceError
from offhook.wording import quoted


@dataclass(frozen=True, slots=True)
class Number:
    """One number that an argument may hold: its name, its unit and its range."""

    name: str
    unit: str
    least: float
    most: float

    def read(self, text: str, spec: str, example: str, error: type[ConfigError] = SourceError) -> float:
        """The number in `text`.

        Args:
            text: the part of the argument that holds the number.
            spec: the whole spec, for the message.
            example: a valid spec, for the message.
            error: the class of the error.

        Raises:
            ConfigError: of the class `error`: `text` is not a number in the range.
        """
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not self.least <= value <= self.most:  # also false for NaN
            raise error(
                f"invalid spec {quoted(spec)}: the {self.name} must be between {self.least:g} and {self.most:g} "
                f"{self.unit}, got {quoted(text)}. Write for example {example}"
            )
        return value

    def check(self, value: object, name: str) -> float:
        """Check a number that was passed as an argument called `name`.

        Raises:
            ConfigError: it is not a number in the range.
        """
        return check_number(value, name, least=self.least, most=self.most, unit=self.unit)


#: The duration of a tone or of silence.
DURATION = Number("duration", "seconds", 0.001, 86_400)
