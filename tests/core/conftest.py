"""What several tests of the core share as fixtures: distributions with plugins, real ones, on disk."""

from __future__ import annotations

import itertools
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_numbers = itertools.count()
GOOD = """
    from offhook.plugin import hookimpl

    @hookimpl
    def offhook_carrier(registry):
        registry.add("{name}", lambda environment, auth: "{name}", summary="of {name}")
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Installs a distribution with one plugin module and gives the module's name."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(name: str, code: str = GOOD, version: str = "1.0", distribution: str = "") -> str:
        module = f"{name.replace('-', '_')}_offhook_{next(_numbers):04}"
        (tmp_path / f"{module}.py").write_text(dedent(code).replace("{name}", name))
        distribution = distribution or f"{name}-offhook"
        folder = tmp_path / f"{distribution.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (folder / "entry_points.txt").write_text(f"[offhook]\n{name} = {module}\n")
        return module

    return install
