"""What a callee says: an audio file or the spec of an audio source, all of it or its beginning."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from offhook.arguments import check_path, check_seconds
from offhook.paths import expanded

if TYPE_CHECKING:
    import os
    from pathlib import Path


#: The longest speech, in seconds.
MAX_SPEECH_S: Final = 600
#: All speech of one script together, in seconds: it is in memory during the call.
MAX_SCRIPT_S: Final = 3_600
_SPEC: Final = re.compile(r"([a-z][a-z0-9_-]*):(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Speech:
    """Audio that is read before the callee rings.

    Attributes:
        path: the file; None if another source makes the audio.
        duration_s: how much of it to say; None for all.
        spec: the spec of the source that reads or makes it, such as ``wav:hello.wav`` or ``tone:440,2``.
    """

    path: Path | None
    duration_s: float | None
    spec: str

    @classmethod
    def of(cls, what: str | os.PathLike[str], duration_s: float | None, name: str) -> Speech:
        """Speech from the arguments of a step.

        Args:
            what: a file, or, as text, the spec of a source; ``~`` at the beginning of a file is the home folder.
            duration_s: how much of it to say; None for all.
            name: what the caller calls `what`, for messages.

        Raises:
            ConfigError: an argument is of the wrong type, or out of range.
        """
        text = check_path(what, name, "hello.wav")
        if duration_s is not None:
            check_seconds(duration_s, name.replace("path", "duration_s"))
        spec = _SPEC.fullmatch(text) if isinstance(what, str) else None
        if spec is not None and spec[1] != "wav":
            return cls(None, duration_s, text)
        path = expanded(check_path(spec[2], name, "wav:hello.wav") if spec is not None else text)
        return cls(path, duration_s, f"wav:{path}")

    @property
    def name(self) -> str:
        """The file's name or the spec, for people."""
        return self.path.name if self.path is not None else self.spec

    @property
    def what(self) -> str:
        """The file or the spec, as a script names it."""
        if self.path is None:
            return self.spec
        return self.spec if _SPEC.fullmatch(str(self.path)) else str(self.path)
