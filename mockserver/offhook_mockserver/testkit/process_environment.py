"""Sets the settings of a mock in the environment of this process, for applications that read it, and undoes it."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping


#: Settings that would lead an application somewhere else than to the mock.
_ELSEWHERE: Final = ("OFFHOOK_RELAY_URL", "OFFHOOK_CARRIER", "OFFHOOK_AUTH")


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
