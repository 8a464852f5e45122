"""The face of the session: its names are imported on first use."""

from __future__ import annotations

import subprocess
import sys

import pytest

from offhook import session


def test_every_name_is_there() -> None:
    assert [name for name in session.__all__ if not hasattr(session, name)] == []
    assert {*session.__all__} <= {*dir(session)}


def test_other_names_are_not() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Machine'"):
        session.Machine  # noqa: B018  # type: ignore[attr-defined]


def test_who_needs_grades_does_not_import_the_machine() -> None:
    code = "import sys; from offhook.session import Grade; print('offhook.session.machine' in sys.modules)"
    assert subprocess.run((sys.executable, "-c", code), check=True, capture_output=True).stdout == b"False\n"
