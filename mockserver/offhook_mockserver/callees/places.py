"""Where an audio file with a relative name is: beside the script, in the current folder, or among offhook's clips."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from offhook.paths import nearest_file
from offhook.wording import nearest_name, quoted_path
from offhook_mockserver.callees.summaries import CLIPS

#: The clips that offhook comes with, which a script or a question names without a folder.
CLIP_NAMES: Final = ("greeting.wav", "hello.wav", "reply.wav")


def found(path: Path, folder: Path | None) -> Path:
    """The file that a path names; the path as it is if there is none.

    Args:
        path: absolute, or a name that is looked for in `folder`, in the current folder, and then among the clips.
        folder: the folder of the script or of the test.
    """
    if folder is not None and (folder / path).exists():
        return folder / path
    return path if path.exists() else clip(path) or path


def clip(path: Path) -> Path | None:
    """The clip of offhook's own that has this name; None if none has."""
    return CLIPS / path if str(path) in CLIP_NAMES else None


def not_found(path: Path, folder: Path | None) -> str:
    """A sentence that says where a missing file was looked for, and which clips offhook has."""
    stems = [name.removesuffix(".wav") for name in CLIP_NAMES]
    near = nearest_file(path if folder is None else folder / path) or nearest_file(path)
    near = near or nearest_name(path.stem, stems).replace("?", ".wav?")
    clips = f"offhook's own clips are {', '.join(CLIP_NAMES[:-1])} and {CLIP_NAMES[-1]}{near}"
    where = ""
    if not path.is_absolute():
        where = f" in the current folder {quoted_path(Path.cwd())}"
        if folder is not None and folder.resolve() != Path.cwd():
            where = f" in {quoted_path(folder)}, nor{where}"
    return f"the file {quoted_path(path)} does not exist{where}; {clips}"
