"""The face of the session: its names are imported on first use."""

from __future__ import annotations

import subprocess
import sys

import pytest

from offhook import session


def test_every_name_is_there() -> None:
    assert [name for name in session.__all__ if not hasattr(session, name)] == []
    assert {*session.__all__} <= {*dir(session)}


@pytest.mark.parametrize("name", ["Machine", "machines"])
def test_other_names_are_not(name: str) -> None:
    with pytest.raises(AttributeError, match=f"no attribute '{name}'"):
        getattr(session, name)


def test_who_needs_grades_does_not_import_the_machine() -> None:
    code = "import sys; from offhook.session import Grade; print('offhook.session.machine' in sys.modules)"
    assert subprocess.run((sys.executable, "-c", code), check=True, capture_output=True).stdout == b"False\n"
