"""The folder for what outlives a process: one per user of the machine.

`OFFHOOK_HOME` names it; otherwise it is in the platform's folder for program data. The platform's folder depends on
the process's own environment in any case (`HOME`, `XDG_DATA_HOME`), so `OFFHOOK_HOME` is read from there as well, even
for a phone whose other settings are all in code.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from offhook.arguments import check_path
from offhook.errors import ConfigError
from offhook.interfaces.environment import Environment
from offhook.paths import expanded, home_folder, make_folder

if TYPE_CHECKING:
    from collections.abc import Mapping


HOME_VARIABLE: Final = "OFFHOOK_HOME"
_XDG_VARIABLE: Final = "XDG_DATA_HOME"
_ADVICE: Final = f"To keep records in another folder, set {HOME_VARIABLE}."


def home(environment: Mapping[str, str] | None) -> Path:
    """The folder for records; it may not exist yet.

    Args:
        environment: where `OFFHOOK_HOME` is looked up before the process's own environment, if anywhere.

    Raises:
        ConfigError: `OFFHOOK_HOME` is not set, and there is no home folder in which the platform keeps data; or
            `environment` is not a mapping of text.
    """
    environment, process = Environment(environment), Environment.of_process()
    named = environment.get(HOME_VARIABLE) or process.get(HOME_VARIABLE)
    if named:
        return expanded(named)
    if not Path(process.get(_XDG_VARIABLE, "")).is_absolute():
        try:
            home_folder()
        except ConfigError as error:
            raise ConfigError(
                f"records have no place, because {error.message}, or set {HOME_VARIABLE} to a folder for records, or "
                "OFFHOOK_STORE=none to keep none"
            ) from None
    import platformdirs

    return platformdirs.user_data_path("offhook", appauthor=False)


def make_private(folder: Path) -> None:
    """Make the folder for records, so that only its owner can open it; an existing one is left as it is.

    Raises:
        ConfigError: it is not a path.
        StorageError: the folder cannot be made.
    """
    make_folder(Path(check_path(folder, "folder", "calls")), _ADVICE)
