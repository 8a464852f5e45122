"""Paths that are given as text, in settings, specs and options, and the folders that they name.

Two rules hold everywhere. A path that begins with ``~`` or ``~user`` begins with that user's home folder; one that
begins with a variable, such as ``$HOME``, is rejected. offhook makes the folders that it writes to, and those above
them, readable by their owner only; what it reads must exist.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import re
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from offhook.errors import ConfigError, SpecError, StorageError
from offhook.private_files import make_private_folder
from offhook.wording import nearest_name, printable, quoted, quoted_path, system_reason

if TYPE_CHECKING:
    from collections.abc import Iterable

#: A variable at the beginning of a path. A shell replaces it, but a file of settings, or a Dockerfile, may not.
_VARIABLE: Final = re.compile(r"\$(?:[A-Za-z_]\w*|\{[A-Za-z_]\w*\})(?=/|$)", re.ASCII)
#: How many files of a folder are compared with the name of a missing one.
_MOST_FILES: Final = 1000


def nearest_file(path: str | os.PathLike[str]) -> str:
    """Return ``; did you mean greeting.wav?`` for a file that is missing, with the most similar name in its folder.

    Only files with the same ending are compared, the first 1,000. Empty if none is similar.
    """
    missing = Path(path)
    try:
        with os.scandir(missing.parent) as entries:
            names = [Path(entry.name) for entry in islice(entries, _MOST_FILES)]
    except (OSError, ValueError):
        return ""
    alike = [name.stem for name in names if name.suffix == missing.suffix]
    return printable(nearest_name(missing.stem, alike).replace("?", f"{missing.suffix}?"))


def expanded(path: str | os.PathLike[str]) -> Path:
    """Return a path with the home folder in place of a ``~`` or ``~user`` at its beginning.

    Raises:
        ConfigError: the user does not exist, or the home folder is not known; the path begins with a variable of the
            shell, such as ``$HOME``; or it is relative, and the current folder was removed.
    """
    text = os.fspath(path)
    if variable := _VARIABLE.match(text):
        raise ConfigError(
            f"{quoted_path(text)} begins with {variable[0]}, which was not replaced by its value: write the path in "
            f"full, or begin it with ~ for the home folder; for a file whose name begins with $, write ./{text}"
        )
    if not text.startswith("~"):
        if not text.startswith("/"):
            _require_current_folder(text)
        return Path(path)
    user, _, rest = text[1:].partition("/")
    try:
        folder = home_folder(user)
    except ConfigError as error:
        name = f"for a file whose name begins with ~, write ./{text}" if user else "or write the path in full"
        raise ConfigError(f"{quoted_path(text)} begins with ~, but {error.message}; {name}") from None
    return folder / rest.lstrip("/")


def _require_current_folder(path: str) -> None:
    try:
        Path.cwd()
    except OSError:
        raise ConfigError(
            f"the current folder was removed, so {quoted_path(path)} names nothing: change to another folder, or write "
            "the whole path"
        ) from None


def home_folder(user: str = "") -> Path:
    """Return the home folder of a user; empty means the one who runs this process: `HOME`, or the password database.

    Raises:
        ConfigError: the user does not exist, or the home folder is not known.
    """
    try:
        if user:
            return Path(pwd.getpwnam(user).pw_dir)
        named = Path(os.environ.get("HOME", ""))
        return named if named.is_absolute() else Path(pwd.getpwuid(os.getuid()).pw_dir)
    except (KeyError, ValueError):
        pass
    raise ConfigError(
        f"there is no user {quoted(user)}" if user else "no home folder is known: set HOME to an absolute path"
    )


def path_argument(spec: str, argument: str) -> Path:
    """Return the path in the argument of a spec, such as ``sqlite:PATH``.

    Args:
        spec: the name of the spec, for messages.
        argument: what follows the colon.

    Raises:
        SpecError: it is a URL, is quoted, has a line break, or is the name of a file in the root folder with one slash
            too many.
        ConfigError: see `expanded`.
    """
    bare = argument.lstrip("/")
    if argument.startswith("file:") or "://" in argument:
        raise SpecError(f"{spec} needs a path and not a URL, got {quoted(argument)}: write {spec}:/FOLDER/FILE")
    if argument.startswith("//") and "/" not in bare:
        raise SpecError(
            f"{quoted(f'{spec}:{argument}')} names a file in the root folder: write {spec}:{bare} for one in the "
            f"current folder, or a whole path, {spec}:/FOLDER/{bare}"
        )
    if (len(argument) > 1 and argument[0] == argument[-1] and argument[0] in "\"'") or set(argument) & set("\r\n"):
        raise SpecError(f"the path in {quoted(f'{spec}:{argument}')} has quotes or a line break in it: remove them")
    return expanded(argument)


def make_folder(folder: Path, advice: str = "Choose another folder.") -> tuple[Path, ...]:
    """Make a folder that only its owner can open, and the folders above it; an existing one is left as it is.

    Args:
        folder: the folder.
        advice: what to do if it cannot be made, for the message.

    Returns:
        The folders that were made, innermost first, for `remove_folders`.

    Raises:
        StorageError: it cannot be made.
    """
    problem, missing = "", tuple[Path, ...]()
    try:
        missing = tuple(path for path in (folder, *folder.parents) if not _is_there(path))
        make_private_folder(folder)
    except (OSError, ValueError) as error:
        problem = obstacle(folder) or f"the folder {quoted_path(folder)} cannot be made: {system_reason(error)}"
    if problem:
        raise StorageError(f"{problem}. {advice}")
    return missing


def remove_folders(folders: Iterable[Path]) -> None:
    """Remove folders, innermost first, unless something was put there in the meantime."""
    with contextlib.suppress(OSError):
        for folder in folders:
            folder.rmdir()


def obstacle(folder: Path) -> str:
    """Why no file can be created in `folder`, after making it if necessary; empty if one can. It changes nothing."""
    try:
        existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if _is_there(path))
        if not existing.is_dir():
            broken = existing.is_symlink() and not existing.exists()
            return f"{quoted_path(existing)} is {'a symbolic link to nothing' if broken else 'a file and not a folder'}"
        effective = os.access in os.supports_effective_ids
        usable = os.access(existing, os.W_OK | os.X_OK, effective_ids=effective)
        return "" if usable else f"{quoted_path(existing)} may not be written to"
    except (OSError, ValueError) as error:
        return f"{quoted_path(folder)} cannot be used: {system_reason(error)}"


def _is_there(path: Path) -> bool:
    """Whether there is anything at `path`, be it a link to nothing. Unlike `os.path.lexists`, this hides no error."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True
