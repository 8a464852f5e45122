"""The folder for what outlives a process: one per user of the machine.

`OFFHOOK_HOME` names it; otherwise it is in the platform's folder for program data. The platform's folder depends on
the process's own environment in any case (`HOME`, `XDG_DATA_HOME`), so `OFFHOOK_HOME` is read from there as well, even
for a phone whose other settings are all in code.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from offhook.arguments import check_path, check_settings
from offhook.errors import StorageError
from offhook.wording import quoted_path, system_reason

if TYPE_CHECKING:
    from collections.abc import Mapping


HOME_VARIABLE: Final = "OFFHOOK_HOME"


def home(environment: Mapping[str, str]) -> Path:
    """The folder for records; it may not exist yet.

    Args:
        environment: where `OFFHOOK_HOME` is looked up before the process's own environment.

    Raises:
        ConfigError: it is not a mapping of text.
    """
    check_settings(environment, "environment")
    named = environment.get(HOME_VARIABLE) or os.environ.get(HOME_VARIABLE)
    if named:
        return Path(named)
    import platformdirs

    return platformdirs.user_data_path("offhook", appauthor=False)


def make_private(folder: Path) -> None:
    """Make a folder that only its owner can open; an existing one is left as it is.

    Raises:
        ConfigError: it is not a path.
        StorageError: the folder cannot be made.
    """
    folder = Path(check_path(folder, "folder", "calls"))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    except FileExistsError as error:
        raise StorageError(
            f"{quoted_path(error.filename)} is a file and not a folder: choose another folder."
        ) from None
    except (OSError, ValueError) as error:
        raise StorageError(
            f"the folder {quoted_path(folder)} cannot be made: {system_reason(error)}. "
            "To keep records in another folder, set OFFHOOK_HOME."
        ) from None
