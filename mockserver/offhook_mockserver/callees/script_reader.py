"""Reads callees' scripts from the values of a document: the verbs and the arguments of the builder, and nothing else.

Such a document may be from a stranger. The audio that it names is confined, and it cannot run for ever: the number of
its steps, their nesting and their times have limits.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn, Protocol, cast

from offhook.errors import ConfigError, NumberRejected
from offhook.interfaces import e164
from offhook.wording import nearest_name, printable, quoted
from offhook_mockserver.callees.builder import NAMES, CalleeScript
from offhook_mockserver.callees.order import MOST_DEPTH, MOST_STEPS
from offhook_mockserver.callees.script import Script, ScriptError, Step
from offhook_mockserver.callees.speech import Speech

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    from offhook_mockserver.callees.confines import Confines


#: Sources that a document may name: they make their audio themselves. Others may open files or connections.
SOURCES: Final = frozenset({"marker", "silence", "tone"})
_CALLEE_KEYS: Final = ("number", "summary", "steps")
#: The builder's method for each verb.
METHODS: Final[Mapping[str, Callable[..., object]]] = {
    verb: getattr(CalleeScript, name) for verb, name in NAMES.items()
}
_KEYS: Final[Mapping[str, str]] = {name: verb for verb, name in NAMES.items()}
#: Arguments that are steps.
_NESTED: Final = frozenset({"then", "otherwise", "steps"})


@dataclass(frozen=True, slots=True)
class Notation:
    """How documents of one format are written, for messages.

    Attributes:
        callees: what to write for each callee.
        steps: steps, for example.
        step: a step with an argument, for example.
    """

    callees: str
    steps: str
    step: str


class Place(Protocol):
    """Where in the document the reader is; its text goes into messages."""

    def at_callee(self, index: int, number: str) -> None:
        """The reader begins with a callee, or is done with its steps; the number is empty while it is not known."""
        ...

    def at_step(self, index: int) -> None:
        """The reader begins with a step of that callee."""
        ...


def unchecked(spec: str) -> None:
    """Without plugins, a spec is checked when the call starts."""


class ScriptReader:
    """Reads one document.

    Args:
        place: where the reader is.
        notation: how the document is written.
        confines: the audio files that it may name.
        check_spec: called with the spec of each source that is not a file; raises a `ConfigError` if it is wrong.
    """

    def __init__(
        self, place: Place, notation: Notation, confines: Confines, check_spec: Callable[[str], None] = unchecked
    ) -> None:
        self._place = place
        self._notation = notation
        self._confines = confines
        self._check_spec = check_spec
        self._count = 0

    def scripts(self, document: Mapping[str, object]) -> dict[str, Script]:
        """The scripts in a document, by the numbers of their callees.

        Raises:
            ScriptError: something in it is wrong; the message holds the place.
        """
        for key in document:
            if key != "callee":
                near = nearest_name(key, ["callee"])
                self.fail(f"unknown key {quoted(key)}{near}: write {self._notation.callees} for each callee")
        callees = document.get("callee")
        if not isinstance(callees, list) or not callees:
            self.fail(f"it has no callee: write {self._notation.callees} for each callee, with a number and steps")
        scripts: dict[str, Script] = {}
        for index, callee in enumerate(cast("list[object]", callees)):
            self._place.at_callee(index, "")
            number, script = self._callee(index, callee)
            if number in scripts:
                self.fail(f"the number {number} has a callee already")
            scripts[number] = script
        return scripts

    def fail(self, problem: str) -> NoReturn:
        """Reject the document.

        Raises:
            ScriptError: always.
        """
        raise ScriptError(f"{printable(problem)} ({self._place})")

    def _callee(self, index: int, callee: object) -> tuple[str, Script]:
        if not isinstance(callee, dict):
            self.fail(f"a callee must be a table: write {self._notation.callees}")
        values = cast("dict[str, object]", callee)
        for key in values:
            if key not in _CALLEE_KEYS:
                self.fail(f"unknown key {quoted(key)} of a callee{nearest_name(key, _CALLEE_KEYS)}")
        try:
            number = e164(cast("str", values.get("number")))
        except NumberRejected as error:
            self.fail(error.message)
        self._place.at_callee(index, number)
        steps, summary = values.get("steps"), values.get("summary", "")
        if not isinstance(steps, list):
            self.fail(f"a callee needs steps: write {self._notation.steps}")
        builder = _Confined(self._confines, lambda: str(self._place), self._check_spec)
        for step_index, step in enumerate(self._counted(cast("list[object]", steps))):
            self._place.at_step(step_index)
            self._step(builder, step, depth=0)
        self._place.at_callee(index, number)
        try:
            return number, builder.script(cast("str", summary))
        except ConfigError as error:
            self.fail(error.message)

    def _step(self, builder: CalleeScript, step: object, *, depth: int) -> None:
        if depth > MOST_DEPTH:
            self.fail(f"branches and loops may be {MOST_DEPTH} deep")
        values = cast("dict[str, object]", {step: {}} if isinstance(step, str) else step)
        if not isinstance(step, str | dict) or len(values) != 1:
            self.fail(f'a step must be one verb, such as "hang_up" or {self._notation.step}')
        ((verb, value),) = values.items()
        method = METHODS.get(verb)
        if method is None:
            self.fail(f"unknown verb {quoted(verb)}{nearest_name(verb, METHODS)}")
        arguments = self._arguments(verb, value, inspect.signature(method).parameters)
        method(builder, **{name: self._argument(name, value, depth) for name, value in arguments.items()})

    def _arguments(self, verb: str, value: object, known: Mapping[str, inspect.Parameter]) -> dict[str, object]:
        """The arguments of a verb by name; a value that is not a table is the first of them."""
        names = [name for name in known if name != "self"]
        if not isinstance(value, dict):
            if not names:
                self.fail(f'the verb {verb} takes no argument: write "{verb}"')
            value = {names[0]: value}
        arguments = cast("dict[str, object]", value)
        for name in arguments:
            if name not in names:
                self.fail(f"unknown argument {quoted(name)} of {verb}{nearest_name(name, names)}")
        missing = [name for name in names if known[name].default is inspect.Parameter.empty and name not in arguments]
        if missing:
            self.fail(f"the verb {verb} needs {' and '.join(missing)}")
        return arguments

    def _argument(self, name: str, value: object, depth: int) -> object:
        if name not in _NESTED or not isinstance(value, list):
            return value
        steps = self._counted(cast("list[object]", value))

        def add(inner: CalleeScript) -> None:
            for step in steps:
                self._step(inner, step, depth=depth + 1)

        return add

    def _counted(self, steps: list[object]) -> list[object]:
        """Steps of the document; refused before they are read if there are too many."""
        self._count += len(steps)
        if self._count > MOST_STEPS:
            self.fail(f"it has more than {MOST_STEPS:,} steps, which is the limit")
        return steps


class _Confined(CalleeScript):
    """A script that may name confined audio files alone, and knows the place of its present step."""

    def __init__(self, confines: Confines, where: Callable[[], str], check_spec: Callable[[str], None]) -> None:
        super().__init__()
        self._confines = confines
        self._place = where
        self._check_spec = check_spec

    def _inner(self) -> CalleeScript:
        return _Confined(self._confines, self._place, self._check_spec)

    def _verb(self, step: type[Step]) -> str:
        return step.verb

    def _argument(self, verb: str, name: str) -> str:
        return f"{name} of {_KEYS[verb]}"

    def _where(self) -> str:
        return self._place()

    def _in_folder(self, what: str | os.PathLike[str], name: str = "the audio") -> str | os.PathLike[str]:
        speech = Speech.of(what, None, name)
        if speech.path is not None:
            return self._confines.file(speech.path)
        source = speech.spec.partition(":")[0]
        if source not in SOURCES:
            raise ConfigError(
                f"a file of scripts may not use the source {quoted(source)}: name an audio file or a tone"
            )
        return what
