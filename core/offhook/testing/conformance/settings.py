"""The settings of a part that is tested from the shell: those of the shell, of the far end, and of the command line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from offhook.errors import ConfigError
from offhook.interfaces.environment import Environment
from offhook.wording import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SETTING: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_PLACEHOLDER: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


def with_settings(given: object, shell: Mapping[str, str], added: Sequence[str]) -> object:
    """Return an environment with more settings; anything else is returned as it is.

    Args:
        given: an argument of a factory. The settings of an environment win over those of the shell.
        shell: the settings of the shell.
        added: settings as ``NAME=VALUE``, which win over all others; ``{OTHER}`` in a value becomes the setting of that
            name in `given`.

    Raises:
        ConfigError: a setting does not have this form, or names one that `given` lacks.
    """
    if not isinstance(given, Environment):
        return given
    settings = {**shell, **given, **dict(_setting(text, given) for text in added)}
    return Environment(settings, clock=given.clock, ids=given.ids, http=given.http)


def _setting(text: str, of_far_end: Mapping[str, str]) -> tuple[str, str]:
    match = _SETTING.fullmatch(text)
    if match is None:
        raise ConfigError(f"--setting takes NAME=VALUE, got {quoted(text)}")

    def value_of(found: re.Match[str]) -> str:
        if found[1] not in of_far_end:
            raise ConfigError(
                f"--setting {match[1]}: the far end has no setting {found[1]}; it has: "
                f"{', '.join(sorted(of_far_end)) or 'none'}"
            )
        return of_far_end[found[1]]

    return match[1], _PLACEHOLDER.sub(value_of, match[2])
