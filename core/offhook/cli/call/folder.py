"""The files that a call leaves in the folder of ``--out``."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

from offhook.errors import ConfigError
from offhook.paths import make_folder, obstacle, remove_folders
from offhook.wording import quoted_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


CALLER_HEARD: Final = "caller-heard.wav"
CALLEE_HEARD: Final = "callee-heard.wav"
MIX: Final = "mix.wav"
_JOURNAL: Final = "journal.jsonl"
_CONTENTS: Final[Mapping[str, str]] = {
    CALLER_HEARD: "what the caller heard",
    CALLEE_HEARD: "what the callee heard",
    MIX: "both on one timeline: caller left, callee right",
    "record.json": "how the call went",
    _JOURNAL: "everything that happened, in the order in which it was written",
}


class CallFolder:
    """A new or empty folder for the recordings, the record and the journal of one call.

    Args:
        path: the folder; it is made if it does not exist.

    Raises:
        ConfigError: the folder is not empty, or cannot be used.
        StorageError: it cannot be made.
    """

    def __init__(self, path: Path) -> None:
        check_out(path)
        self._made_folders = make_folder(path, "Choose another folder for --out.")
        # Absolute: a path that begins with ~ would begin with the home folder in the specs below.
        self._path = path.absolute()

    @property
    def store(self) -> str:
        """The spec of the store for the journal and the record."""
        return f"jsonl:{self._path}"

    @property
    def mix(self) -> Path:
        """The recording of both directions."""
        return self._path / MIX

    @property
    def caller_heard(self) -> str:
        """The spec of the sink for what the caller hears."""
        return f"recorder:{self._path / CALLER_HEARD}"

    def recordings(self, others: Mapping[str, str]) -> dict[str, str]:
        """The absolute paths of the recordings by what they hold, for the record of the call.

        Args:
            others: recordings that somebody else makes in this folder.
        """
        names = {"mix": MIX, "caller_heard": CALLER_HEARD, **others}
        return {what: os.fspath((self._path / name).absolute()) for what, name in names.items()}

    def remove(self) -> None:
        """Remove the files of a call that was not dialled, so that the same command can be run again.

        A folder that holds anything else is kept.
        """
        for name in (CALLER_HEARD, MIX, _JOURNAL):
            (self._path / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._path.rmdir()
        remove_folders(self._made_folders[1:])


def check_out(path: Path) -> None:
    """Check that a folder is new or empty and that files can be made in it. It changes nothing.

    Raises:
        ConfigError: the folder is not empty, or cannot be used.
    """
    problem = obstacle(path)
    if problem:
        raise ConfigError(f"the output folder cannot be used: {problem}")
    if path.exists() and any(path.iterdir()):
        raise ConfigError(
            f"the output folder {quoted_path(path)} is not empty, and offhook never overwrites files: choose a new "
            "folder"
        )


def listing(path: Path) -> Iterator[str]:
    """One line for each file in a folder, with what it holds."""
    for name in sorted(file.name for file in path.iterdir()):
        yield f"  {name:<18} {_CONTENTS.get(name, '')}".rstrip()
