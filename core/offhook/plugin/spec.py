"""Spec strings, ``name`` or ``name:argument``, which select sources, sinks, filters and stores (as in baresip)."""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from offhook.arguments import check_path, wrong
from offhook.errors import SpecError
from offhook.wording import quoted

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping


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
            ConfigError: it is not text.
        """
        if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance] - programs may pass anything
            raise wrong("the spec", "text, for example 'wav:greeting.wav'", text)
        name, _, argument = text.partition(":")
        if not _NAME.fullmatch(name):
            if _NAME.fullmatch(name.lower()):
                raise SpecError(f"{quoted(text)} is not a spec: names are in lower case, so write {name.lower()}")
            raise SpecError(
                f"{quoted(text)} is not a spec: write NAME or NAME:ARGUMENT, for example wav:greeting.wav to play or "
                "recorder:heard.wav to record"
            )
        return cls(name, argument)

    @classmethod
    def of(cls, what: str | os.PathLike[str], for_files: str) -> Spec:
        """Parse a spec; a path such as `pathlib.Path` is the argument of the part `for_files`.

        Raises:
            SpecError: it is text, and not a spec.
            ConfigError: it is neither text nor a path.
        """
        if isinstance(what, os.PathLike):
            return cls(for_files, check_path(what, "the path", "greeting.wav"))
        return cls.parse(what)

    def __str__(self) -> str:
        return f"{self.name}:{self.argument}" if self.argument else self.name


def check_file(given: object, name: str, kinds: Iterable[str]) -> str:
    """Check the name of a file where a spec is not accepted, and return it as text.

    Args:
        given: what was passed.
        name: what the caller calls it.
        kinds: the names that specs may have here.

    Raises:
        ConfigError: it is not text or a path; or it is a spec, which would name a strange file.
    """
    named = check_path(given, name, "heard.wav")
    kind, colon, argument = named.partition(":")
    if isinstance(given, str) and kind in kinds and (colon or "." not in kind):
        guess = f"Write {argument!r}" if kind == "recorder" and argument else f"Write phone.sink({named!r})"
        raise wrong(name, "a file's name or a path, not a spec", given, guess)
    return named


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
