"""Callees' scripts as values of JSON or TOML, which `ScriptReader` reads; and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from offhook.interfaces import mask
from offhook_mockserver.callees.script_reader import Notation, ScriptReader

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from offhook_mockserver.callees.confines import Confines
    from offhook_mockserver.callees.script import Script
    from offhook_mockserver.callees.step import Step

_JSON: Final = Notation(
    '{"callee": [{"number": ..., "steps": [...]}]}', '"steps": [{"answer": {"after_s": 1}}, "hang_up"]', '{"wait": 1}'
)
#: Arguments that name audio.
_AUDIO: Final = frozenset({"what", "greeting"})


def scripts_from(
    document: Mapping[str, object], confines: Confines, check_spec: Callable[[str], None]
) -> dict[str, Script]:
    """The scripts in a document of JSON, which has the members of the TOML files, by the numbers of their callees.

    Args:
        document: the document.
        confines: the audio files that it may name.
        check_spec: called with the spec of each source that is not a file; raises a `ConfigError` if it is wrong.

    Raises:
        ScriptError: something in it is wrong; the message names the callee and the step.
    """
    return ScriptReader(_Position(), _JSON, confines, check_spec).scripts(document)


def callee_of(number: str, script: Script, named: Callable[[str], str]) -> dict[str, object]:
    """A callee as a value of JSON.

    Args:
        number: its number.
        script: what it does.
        named: returns what the document calls an audio file.
    """
    return {"number": number, "summary": script.summary, "steps": steps_of(script, named)}


def steps_of(script: Script, named: Callable[[str], str]) -> list[object]:
    """The steps of a script as values; for the arguments see `callee_of`."""
    return [_step(step, named) for step in script.steps]


def _step(step: Step, named: Callable[[str], str]) -> object:
    arguments = step.arguments()
    if not arguments:
        return step.verb
    return {step.verb: {name: _value(name, value, named) for name, value in arguments.items()}}


def _value(name: str, value: object, named: Callable[[str], str]) -> object:
    match value:
        case bool() | int() | float():
            return value
        case tuple():
            return [_step(step, named) for step in cast("tuple[Step, ...]", value)]
        case _:
            return named(str(value)) if name in _AUDIO else str(value)


class _Position:
    """A callee and its step."""

    def __init__(self) -> None:
        self._callee = ""
        self._step = ""

    def __str__(self) -> str:
        return f"{self._callee}{self._step}" or "the document"

    def at_callee(self, index: int, number: str) -> None:
        self._callee, self._step = f"callee {mask(number) if number else index + 1}", ""

    def at_step(self, index: int) -> None:
        self._step = f", step {index + 1}"
