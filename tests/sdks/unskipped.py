"""A plugin of pytest for the tests of the SDK: it runs those that wait for a mock of the API.

They are all skipped upstream, since Sendblue has published no mock that could answer them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

REASON = "Mock server tests are disabled"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Drop the marks with which these tests are skipped."""
    for item in items:
        item.own_markers[:] = [mark for mark in item.own_markers if mark.kwargs.get("reason") != REASON]
