"""How long tests wait for what must happen: as long as pytest lets them, so that a busy machine fails none of them.

``PYTEST_TIMEOUT=600`` gives every test ten times its usual limit, those with a limit of their own included.
"""

from __future__ import annotations

import os
from typing import Final

#: The usual limit of a test, as in pyproject.toml.
_USUAL_S: Final = 60.0
#: The limit of a test. A wait without a bound would do as well, but hides which wait it was.
PATIENCE_S: Final = float(os.environ.get("PYTEST_TIMEOUT") or _USUAL_S)
#: How much longer than usual everything may take.
FACTOR: Final = max(1.0, PATIENCE_S / _USUAL_S)


def busy() -> bool:
    """Whether so many programs want the processors that a program which is ready may wait longer than a frame lasts."""
    return os.getloadavg()[0] > 3 * (os.cpu_count() or 1)


def cut_off(err: str) -> bool:
    """Whether a command that was to end was ended by its own limit in seconds, where that says nothing about it.

    Args:
        err: what it wrote to standard error.
    """
    return busy() and err.endswith("; left it\n")
