"""Spec strings: ``name`` or ``name:argument``, how sources, sinks and filters are chosen (as baresip does)."""

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
    """A spec taken apart; `argument` is empty when there was none."""

    name: str
    argument: str

    @classmethod
    def parse(cls, text: str) -> Spec:
        """Take ``name:argument`` apart at the first colon.

        Raises:
            SpecError: the part before the colon is not a name.
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
    """Where `text` names nothing and it was the setting `variable` that said so, name the setting.

    Raises:
        SpecError: as what is done inside.
    """
    try:
        yield
    except SpecError as error:
        if environment.get(variable) != text:
            raise
        raise SpecError(f"{variable} names {quoted(text.partition(':')[0])}, but {error.message}") from None
