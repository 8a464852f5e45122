"""Reads callees' scripts from a TOML file: the verbs and the arguments of the builder, and nothing else.

Such a file may be from a stranger. It can name audio files in its own folder alone, after all links are followed, and
it cannot run for ever: its size, the number of its steps, their nesting and their times have limits.
"""

from __future__ import annotations

import inspect
import os
import re
import stat
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn, cast

from offhook.arguments import check_path
from offhook.errors import ConfigError, NumberRejected
from offhook.interfaces import e164
from offhook.paths import expanded
from offhook.wording import nearest_name, printable, quoted, quoted_path, system_reason
from offhook_mockserver.callees.builder import NAMES, CalleeScript
from offhook_mockserver.callees.order import MOST_DEPTH, MOST_STEPS
from offhook_mockserver.callees.places import clip
from offhook_mockserver.callees.script import Script, ScriptError, Step
from offhook_mockserver.callees.speech import CLIPS, Speech
from offhook_mockserver.callees.toml_lines import StepLines

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


#: The largest file, in bytes.
MOST_BYTES: Final = 256 * 1024
#: Sources that a file may name: they make their audio themselves. Others may open files or connections.
_SOURCES: Final = frozenset({"marker", "silence", "tone"})
_CALLEE_KEYS: Final = ("number", "summary", "steps")
#: The builder's method for each verb.
METHODS: Final[Mapping[str, Callable[..., object]]] = {
    verb: getattr(CalleeScript, name) for verb, name in NAMES.items()
}
_KEYS: Final[Mapping[str, str]] = {name: verb for verb, name in NAMES.items()}
#: Arguments that are steps.
_NESTED: Final = frozenset({"then", "otherwise", "steps"})
#: A key of more parts than any of ours has, such as ``a.b.c.d``: `tomllib` takes minutes for one with 100,000. It is
#: matched without going back, so that no text makes this slow.
_LONG_KEY: Final = re.compile(
    r"(?<![\w-])(?:(?:[\w-]++|\"[^\"\n]*+\"|'[^'\n]*+')[ \t]*+\.[ \t]*+){32}",
)
#: How an error of `tomllib` says where it is.
_AT: Final = re.compile(r" ?\(at (?:line (\d+), column \d+|end of document)\)")


def _unchecked(spec: str) -> None:
    """Without plugins, a spec is checked when the call starts."""


def load_scripts(path: str | os.PathLike[str]) -> dict[str, Script]:
    """The scripts in a TOML file, by the numbers of their callees.

    Args:
        path: the file; ``~`` at its beginning is the home folder. Audio files that it names are in its folder.

    Raises:
        ScriptError: the file cannot be read, or something in it is wrong; the message holds the line.
    """
    return scripts_of(expanded(check_path(path, "path", "callees.toml")))


def scripts_of(file: Path, check_spec: Callable[[str], None] = _unchecked) -> dict[str, Script]:
    """The scripts in a TOML file; see `load_scripts`.

    Args:
        file: the file.
        check_spec: called with the spec of each source that is not a file; raises a `ConfigError` if it is wrong.
    """
    return _Reader(file, _read(file), check_spec).scripts()


def scripts_in(text: str, folder: Path) -> dict[str, Script]:
    """The scripts in a TOML document that is not a file, such as that of an exported tenant.

    Args:
        text: the document.
        folder: the folder of the audio files that it names.

    Raises:
        ScriptError: the document is too large, or something in it is wrong; the message holds the line.
    """
    if len(text) > MOST_BYTES:
        raise ScriptError(f"the scripts are larger than {MOST_BYTES // 1024} kB, which is the limit")
    return _Reader(folder / "(scripts)", text).scripts() if text.strip() else {}


def _read(file: Path) -> str:
    try:
        # Non-blocking, because opening a FIFO waits for its other end.
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK)
        with open(descriptor, "rb") as opened:  # noqa: PTH123 - a descriptor
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ScriptError(f"the script {quoted_path(file)} is not a regular file")
            content = opened.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise ScriptError(f"the script {quoted_path(file)} does not exist") from None
    except (OSError, ValueError) as error:
        raise ScriptError(f"the script {quoted_path(file)} cannot be read: {system_reason(error)}") from None
    if len(content) > MOST_BYTES:
        raise ScriptError(f"the script {quoted_path(file)} is larger than {MOST_BYTES // 1024} kB, which is the limit")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise ScriptError(f"the script {quoted_path(file)} is not UTF-8 text") from None


def _method(verb: str) -> Callable[..., object] | None:
    """The builder's method for a verb, which takes whatever a file holds, and checks it."""
    return METHODS.get(verb)


class _Confined(CalleeScript):
    """A script that may name audio files in one folder alone, and knows the line of its present step."""

    def __init__(self, folder: Path, where: Callable[[], str], check_spec: Callable[[str], None]) -> None:
        super().__init__(folder)
        self._place = where
        self._check_spec = check_spec
        self._confines = folder.resolve()

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
        if speech.path is None:
            source = speech.spec.partition(":")[0]
            if source not in _SOURCES:
                raise ConfigError(
                    f"a file of scripts may not use the source {quoted(source)}: name an audio file or a tone"
                )
            return what
        own = clip(speech.path)
        if own is not None and not (self._confines / speech.path).exists():
            return own
        try:
            found = Path(os.path.realpath(self._confines / speech.path))
        except ValueError as error:
            raise ConfigError(f"{quoted_path(speech.path)} cannot be opened: {system_reason(error)}") from None
        if not (found.is_relative_to(self._confines) or found.is_relative_to(CLIPS.resolve())):
            raise ConfigError(f"{quoted_path(speech.path)} is outside the script's folder: copy the file into that")
        return found


class _Reader:
    """Reads one file.

    Args:
        file: the file, for messages and for the folder of its audio.
        text: what it holds.
        check_spec: see `scripts_of`.
    """

    def __init__(self, file: Path, text: str, check_spec: Callable[[str], None] = _unchecked) -> None:
        self._check_spec = check_spec
        self._file = file
        self._line = 1
        self._count = 0
        if long := _LONG_KEY.search(text):
            self._line = text.count("\n", 0, long.start()) + 1
            self._fail("it has a key, or a name, of more than 32 parts with dots between them")
        try:
            self._document: Mapping[str, object] = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            message = str(error)
            found = _AT.search(message)
            self._line = int(found[1]) if found and found[1] else text.count("\n") + 1
            self._fail(_AT.sub("", message))
        except RecursionError:
            self._fail("its values are nested too deep")
        except ValueError:  # of Python itself, which reads no number of more than 4,300 digits
            self._fail("it holds a number that is too long")
        self._lines = StepLines(text)

    def scripts(self) -> dict[str, Script]:
        for key in self._document:
            if key != "callee":
                self._fail(
                    f"unknown key {quoted(key)}{nearest_name(key, ['callee'])}: write [[callee]] for each callee"
                )
        callees = self._document.get("callee")
        if not isinstance(callees, list) or not callees:
            self._fail("it has no callee: write [[callee]] for each callee, with a number and steps")
        scripts: dict[str, Script] = {}
        for index, callee in enumerate(cast("list[object]", callees)):
            self._line = self._lines.of_callee(index)
            number, script = self._callee(index, callee)
            if number in scripts:
                self._fail(f"the number {number} has a callee already")
            scripts[number] = script
        return scripts

    def _callee(self, index: int, callee: object) -> tuple[str, Script]:
        if not isinstance(callee, dict):
            self._fail("a callee must be a table: write [[callee]]")
        values = cast("dict[str, object]", callee)
        for key in values:
            if key not in _CALLEE_KEYS:
                self._fail(f"unknown key {quoted(key)} of a callee{nearest_name(key, _CALLEE_KEYS)}")
        try:
            number = e164(cast("str", values.get("number")))
        except NumberRejected as error:
            self._fail(error.message)
        steps, summary = values.get("steps"), values.get("summary", "")
        if not isinstance(steps, list):
            self._fail('a callee needs steps: write steps = [{answer = {after_s = 1}}, "hang_up"]')
        builder = _Confined(self._file.parent, self._where, self._check_spec)
        for step_index, step in enumerate(self._counted(cast("list[object]", steps))):
            self._line = self._lines.of_step(index, step_index)
            self._step(builder, step, depth=0)
        self._line = self._lines.of_callee(index)
        try:
            return number, builder.script(cast("str", summary))
        except ConfigError as error:
            self._fail(error.message)

    def _step(self, builder: CalleeScript, step: object, *, depth: int) -> None:
        if depth > MOST_DEPTH:
            self._fail(f"branches and loops may be {MOST_DEPTH} deep")
        values = cast("dict[str, object]", {step: {}} if isinstance(step, str) else step)
        if not isinstance(step, str | dict) or len(values) != 1:
            self._fail('a step must be one verb, such as "hang_up" or {wait = 1}')
        ((verb, value),) = values.items()
        method = _method(verb)
        if method is None:
            self._fail(f"unknown verb {quoted(verb)}{nearest_name(verb, METHODS)}")
        arguments = self._arguments(verb, value, inspect.signature(method).parameters)
        method(builder, **{name: self._argument(name, value, depth) for name, value in arguments.items()})

    def _arguments(self, verb: str, value: object, known: Mapping[str, inspect.Parameter]) -> dict[str, object]:
        """The arguments of a verb by name; a value that is not a table is the first of them."""
        names = [name for name in known if name != "self"]
        if not isinstance(value, dict):
            if not names:
                self._fail(f'the verb {verb} takes no argument: write "{verb}"')
            value = {names[0]: value}
        arguments = cast("dict[str, object]", value)
        for name in arguments:
            if name not in names:
                self._fail(f"unknown argument {quoted(name)} of {verb}{nearest_name(name, names)}")
        missing = [name for name in names if known[name].default is inspect.Parameter.empty and name not in arguments]
        if missing:
            self._fail(f"the verb {verb} needs {' and '.join(missing)}")
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
        """Steps of the file; refused before they are read if there are too many."""
        self._count += len(steps)
        if self._count > MOST_STEPS:
            self._fail(f"it has more than {MOST_STEPS:,} steps, which is the limit")
        return steps

    def _where(self) -> str:
        return f"{printable(str(self._file))}:{self._line}"

    def _fail(self, problem: str) -> NoReturn:
        raise ScriptError(f"{printable(problem)} ({self._where()})")
