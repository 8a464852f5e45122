"""Which audio files a script from a stranger may name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from offhook.errors import ConfigError
from offhook.wording import nearest_name, quoted_path, system_reason
from offhook_mockserver.callees.places import CLIP_NAMES, clip
from offhook_mockserver.callees.summaries import CLIPS

if TYPE_CHECKING:
    from collections.abc import Mapping


class Confines(Protocol):
    """Knows the files that scripts may name."""

    def file(self, path: Path) -> Path:
        """The file that a script names with this path; it may not exist.

        Raises:
            ConfigError: the script may not name it.
        """
        ...


class InFolder:
    """Files in one folder, after all links are followed, and offhook's own clips.

    Args:
        folder: the folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def file(self, path: Path) -> Path:
        own = clip(path)
        if own is not None and not (self._folder / path).exists():
            return own
        try:
            found = Path(os.path.realpath(self._folder / path))
        except ValueError as error:
            raise ConfigError(f"{quoted_path(path)} cannot be opened: {system_reason(error)}") from None
        if not (found.is_relative_to(self._folder) or found.is_relative_to(CLIPS.resolve())):
            raise ConfigError(f"{quoted_path(path)} is outside the script's folder: copy the file into that")
        return found


class NamedClips:
    """Clips by their names, and offhook's own clips. No name becomes a path.

    Args:
        clips: the file of each clip.
        how: how a clip is added, for messages.
    """

    def __init__(self, clips: Mapping[str, Path], how: str) -> None:
        self._clips = clips
        self._how = how

    def file(self, path: Path) -> Path:
        found = self._clips.get(str(path)) or clip(path)
        if found is None:
            names = sorted({*self._clips, *CLIP_NAMES})
            near = nearest_name(str(path), names) or f": there are {', '.join(names)}."
            raise ConfigError(f"{quoted_path(path)} is not the name of a clip{near} {self._how}")
        return found
