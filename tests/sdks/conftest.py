"""Sendblue's official SDKs, unmodified, against a mock server on a socket. Only the environment leads them to it.
Beside them, the example in JavaScript, which uses none.

Without the SDK for Python nothing here is collected. Without node, or without what `nox -s sdks` installs for it, the
tests of JavaScript are skipped; where `CI` is set, they fail.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

HERE = Path(__file__).parent
#: The first test of a run waits for an archive.
TIMEOUT_S = 120

collect_ignore_glob = (
    [] if importlib.util.find_spec("sendblue_api") and importlib.util.find_spec("schemathesis") else ["*"]
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.sdks)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(TIMEOUT_S))
