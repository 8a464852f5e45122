"""Writes callees' scripts as a TOML file, which `load_scripts` reads."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook_mockserver.callees.script import Script
    from offhook_mockserver.callees.step import Step


def to_toml(
    scripts: Mapping[str, Script], folder: Path | None = None, *, named: Mapping[Path, str] | None = None
) -> str:
    """The scripts as a TOML document.

    Args:
        scripts: the scripts, by the numbers of their callees.
        folder: where the document will be; audio files in it are named without it. Others stay as they are, and
            `load_scripts` refuses them unless they are offhook's own clips.
        named: the names of audio files that were copied to that folder under others.
    """
    names = _Names(folder, {} if named is None else named)
    return "\n".join(_callee(number, script, names) for number, script in scripts.items())


@dataclass(frozen=True, slots=True)
class _Names:
    """What the document calls audio files; see `to_toml`."""

    folder: Path | None
    named: Mapping[Path, str]

    def of(self, text: str) -> str:
        path = Path(text.removeprefix("wav:"))
        if path in self.named:
            return self.named[path]
        inside = self.folder is not None and Path(text).is_relative_to(self.folder)
        return str(Path(text).relative_to(self.folder)) if inside and self.folder is not None else text


def _callee(number: str, script: Script, names: _Names) -> str:
    lines = ["[[callee]]", f"number = {_text(number)}", f"summary = {_text(script.summary)}", "steps = ["]
    lines += [f"    {_step(step, names)}," for step in script.steps]
    return "\n".join([*lines, "]", ""])


def _step(step: Step, names: _Names) -> str:
    arguments = step.arguments()
    if not arguments:
        return _text(step.verb)
    values = ", ".join(f"{name} = {_value(name, value, names)}" for name, value in arguments.items())
    return f"{{{step.verb} = {{{values}}}}}"


def _value(name: str, value: object, names: _Names) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return repr(value)
        case tuple():
            return f"[{', '.join(_step(step, names) for step in cast('tuple[Step, ...]', value))}]"
        case _:
            text = str(value)
            if name in {"what", "greeting"}:
                text = names.of(text)
            return _text(text)


def _text(text: str) -> str:
    """A basic string; TOML's escapes are those of JSON, which leaves DEL as it is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
