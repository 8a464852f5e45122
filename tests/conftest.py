"""No test, and no process that a test starts, writes into the data folder of whoever runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from offhook.home import HOME_VARIABLE, home
from offhook.stores import STORE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session", autouse=True)
def some_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A home folder for what outlives a single test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(HOME_VARIABLE, str(tmp_path_factory.mktemp("home")))
        patch.delenv(STORE_VARIABLE, raising=False)
        yield


@pytest.fixture(autouse=True)
def offhook_home(tmp_path_factory: pytest.TempPathFactory, some_home: None) -> Iterator[Path]:
    """A home folder of the test's own."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(HOME_VARIABLE, str(folder))
        yield folder
        assert home({}) == folder, f"{HOME_VARIABLE} was changed: this test could write into a real data folder"
