"""`__all__` of every package that is in the wheel is what is visible; the core's own tests see to the core."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from tests import public_names

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
FOLDERS = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
PACKAGES = [Path(folder).name for folder in FOLDERS if folder != "core/offhook"]


@pytest.mark.parametrize("package", PACKAGES)
def test_all_is_what_is_visible(package: str) -> None:
    public_names.check(package)


def test_every_package_of_the_wheel_says_that_it_has_types() -> None:

    assert [folder for folder in FOLDERS if not (ROOT / folder / "py.typed").is_file()] == []
