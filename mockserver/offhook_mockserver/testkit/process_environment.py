"""Sets the settings of a mock in the environment of this process, for applications that read it, and undoes it."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping


#: Settings that would lead an application somewhere else than to the mock.
_ELSEWHERE: Final = ("OFFHOOK_RELAY_URL", "OFFHOOK_CARRIER", "OFFHOOK_AUTH")

#: While these are set, phones call only servers on this machine; see `offhook_sendblue.client`.
ONLY_LOOPBACK_VARIABLE: Final = "OFFHOOK_ONLY_LOOPBACK"
_ONLY_LOOPBACK_OPTION: Final = "offhook_only_loopback"


def is_only_loopback() -> bool:
    """Whether phones of this process call only servers on this machine, as in a run of pytest without live mode."""
    options = sys._xoptions  # pyright: ignore[reportPrivateUsage] - documented
    return _ONLY_LOOPBACK_OPTION in options or bool(os.environ.get(ONLY_LOOPBACK_VARIABLE))


@contextlib.contextmanager
def process_environment(settings: Mapping[str, str]) -> Generator[None]:
    """Set `settings` in the body, and unset what would lead an application away from the mock."""
    before = {name: os.environ.get(name) for name in (*settings, *_ELSEWHERE)}
    for name in _ELSEWHERE:
        os.environ.pop(name, None)
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
