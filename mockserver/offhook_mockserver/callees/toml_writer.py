"""Writes callees' scripts as a TOML file, which `load_scripts` reads."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from offhook_mockserver.callees.script_values import steps_of
from offhook_mockserver.callees.summaries import CLIPS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook_mockserver.callees.script import Script


def to_toml(
    scripts: Mapping[str, Script], folder: Path | None = None, *, named: Mapping[Path, str] | None = None
) -> str:
    """The scripts as a TOML document.

    Args:
        scripts: the scripts, by the numbers of their callees.
        folder: where the document will be; audio files in it are named without it, as offhook's own clips are. Others
            stay as they are, and `load_scripts` refuses them.
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
        if path.parent == CLIPS and not (self.folder is not None and (self.folder / path.name).exists()):
            return path.name
        inside = self.folder is not None and Path(text).is_relative_to(self.folder)
        return str(Path(text).relative_to(self.folder)) if inside and self.folder is not None else text


def _callee(number: str, script: Script, names: _Names) -> str:
    lines = ["[[callee]]", f"number = {_text(number)}", f"summary = {_text(script.summary)}", "steps = ["]
    lines += [f"    {_value(step)}," for step in steps_of(script, names.of)]
    return "\n".join([*lines, "]", ""])


def _value(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return repr(value)
        case list():
            return f"[{', '.join(map(_value, cast('list[object]', value)))}]"
        case dict():
            members = cast("dict[str, object]", value).items()
            return f"{{{', '.join(f'{name} = {_value(member)}' for name, member in members)}}}"
        case _:
            return _text(str(value))


def _text(text: str) -> str:
    """A basic string; TOML's escapes are those of JSON, which leaves DEL as it is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
