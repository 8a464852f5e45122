"""Spec strings, ``name`` or ``name:argument``, which select sources, sinks, filters and stores (as in baresip)."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from offhook.errors import SpecError
from offhook.wording import quoted

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping


_NAME: Final = re.compile(r"[a-z][a-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Spec:
    """A parsed spec; `argument` is empty when the text has none."""

    name: str
    argument: str

    @classmethod
    def parse(cls, text: str) -> Spec:
        """Split ``name:argument`` at the first colon.

        Raises:
            SpecError: the part before the colon is not a valid name.
        """
        name, _, argument = text.partition(":")
        if not _NAME.fullmatch(name):
            raise SpecError(
                f"{quoted(text)} is not a spec: write NAME or NAME:ARGUMENT, for example wav:greeting.wav to play or "
                "recorder:heard.wav to record"
            )
        return cls(name, argument)

    def __str__(self) -> str:
        return f"{self.name}:{self.argument}" if self.argument else self.name


@contextlib.contextmanager
def named_by(variable: str, environment: Mapping[str, str], text: str) -> Generator[None]:
    """Add the name of a setting to a `SpecError` that is raised inside, if `text` came from that setting.

    Args:
        variable: the setting.
        environment: the settings.
        text: the spec or name that is looked up.

    Raises:
        SpecError: as raised inside.
    """
    try:
        yield
    except SpecError as error:
        if environment.get(variable) != text:
            raise
        raise SpecError(f"{variable} names {quoted(text.partition(':')[0])}, but {error.message}") from None
