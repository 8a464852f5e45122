"""Reads callees' scripts from a TOML file.

Such a file may be from a stranger. It can name audio files in its own folder alone, after all links are followed, and
its size has a limit; for the limits of what it holds see `script_reader`.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from offhook.arguments import check_path
from offhook.paths import expanded
from offhook.wording import printable, quoted_path, system_reason
from offhook_mockserver.callees.confines import InFolder
from offhook_mockserver.callees.script import Script, ScriptError
from offhook_mockserver.callees.script_reader import Notation, ScriptReader, unchecked
from offhook_mockserver.callees.toml_lines import StepLines

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from offhook_mockserver.callees.confines import Confines


#: The largest file, in bytes.
MOST_BYTES: Final = 256 * 1024
_NOTATION: Final = Notation("[[callee]]", 'steps = [{answer = {after_s = 1}}, "hang_up"]', "{wait = 1}")
#: A key of more parts than any of ours has, such as ``a.b.c.d``: `tomllib` takes minutes for one with 100,000. It is
#: matched without going back, so that no text makes this slow.
_LONG_KEY: Final = re.compile(
    r"(?<![\w-])(?:(?:[\w-]++|\"[^\"\n]*+\"|'[^'\n]*+')[ \t]*+\.[ \t]*+){32}",
)
#: How an error of `tomllib` says where it is.
_AT: Final = re.compile(r" ?\(at (?:line (\d+), column \d+|end of document)\)")


def load_scripts(path: str | os.PathLike[str]) -> dict[str, Script]:
    """The scripts in a TOML file, by the numbers of their callees.

    Args:
        path: the file; ``~`` at its beginning is the home folder. Audio files that it names are in its folder.

    Raises:
        ScriptError: the file cannot be read, or something in it is wrong; the message holds the line.
    """
    return scripts_of(expanded(check_path(path, "path", "callees.toml")))


def scripts_of(file: Path, check_spec: Callable[[str], None] = unchecked) -> dict[str, Script]:
    """The scripts in a TOML file; see `load_scripts`.

    Args:
        file: the file.
        check_spec: called with the spec of each source that is not a file; raises a `ConfigError` if it is wrong.
    """
    return _scripts(file, _read(file), InFolder(file.parent), check_spec)


def scripts_in(text: str, confines: Confines) -> dict[str, Script]:
    """The scripts in a TOML document that is not a file, such as that of an exported tenant.

    Args:
        text: the document.
        confines: the audio files that it may name.

    Raises:
        ScriptError: the document is too large, or something in it is wrong; the message holds the line.
    """
    if len(text) > MOST_BYTES:
        raise ScriptError(f"the scripts are larger than {MOST_BYTES // 1024} kB, which is the limit")
    return _scripts(Path("(scripts)"), text, confines) if text.strip() else {}


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


class _Line:
    """A line of a file.

    Args:
        file: the file, for messages.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self.line: int = 1
        #: None until the file is known to be TOML.
        self.lines: StepLines | None = None
        self._callee = 0

    def __str__(self) -> str:
        return f"{printable(str(self._file))}:{self.line}"

    def at_callee(self, index: int, number: str) -> None:
        self._callee = index
        self.line = 1 if self.lines is None else self.lines.of_callee(index)

    def at_step(self, index: int) -> None:
        self.line = 1 if self.lines is None else self.lines.of_step(self._callee, index)


def _scripts(
    file: Path, text: str, confines: Confines, check_spec: Callable[[str], None] = unchecked
) -> dict[str, Script]:
    """The scripts in a document.

    Args:
        file: its file, for messages.
        text: the document.
        confines: the audio files that it may name.
        check_spec: see `scripts_of`.
    """
    place = _Line(file)
    reader = ScriptReader(place, _NOTATION, confines, check_spec)
    if long := _LONG_KEY.search(text):
        place.line = text.count("\n", 0, long.start()) + 1
        reader.fail("it has a key, or a name, of more than 32 parts with dots between them")
    try:
        document: Mapping[str, object] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        found = _AT.search(message)
        place.line = int(found[1]) if found and found[1] else text.count("\n") + 1
        reader.fail(_AT.sub("", message))
    except RecursionError:
        reader.fail("its values are nested too deep")
    except ValueError:  # of Python itself, which reads no number of more than 4,300 digits
        reader.fail("it holds a number that is too long")
    place.lines = StepLines(text)
    return reader.scripts(document)
