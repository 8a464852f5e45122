"""Other packages import offhook, and the mock, through faces alone: what is behind a face may move."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
#: Rooms and ground files with a list of what other packages may take. `__main__` is for the interpreter.
FACES = {
    "offhook": {
        "offhook",
        "offhook.arguments",
        "offhook.call",
        "offhook.cli",
        "offhook.errors",
        "offhook.interfaces",
        "offhook.media",
        "offhook.paths",
        "offhook.plugin",
        "offhook.records",
        "offhook.secret",
        "offhook.session",
        "offhook.testing",
        "offhook.testing.audio",
        "offhook.testing.conformance",
        "offhook.wording",
    },
    "offhook_mockserver": {
        "offhook_mockserver",
        "offhook_mockserver.far_ends",
        "offhook_mockserver.server",
        "offhook_mockserver.testkit",
    },
}
#: What lies behind faces and is taken by the package that is their other half: pytest's plugin, which is there without
#: the extra, and the kit that works without pytest.
OTHER_HALVES = {"offhook_mock_pytest": ("offhook_mockserver.testkit.", "offhook_mockserver.extra")}
#: What is looked at; a package itself and its tests may look behind its faces.
FOLDERS = ("core", "plugins", "mockserver", "examples", "docs")


def problems(text: str, package: str) -> Iterator[str]:
    """What a module of `package` imports from behind a face, or takes from one that does not list it."""
    for node in ast.walk(ast.parse(text)):
        taken: list[tuple[str, str]] = []
        if isinstance(node, ast.ImportFrom) and node.module:
            taken = [(node.module, alias.name) for alias in node.names]
        elif isinstance(node, ast.Import):
            taken = [(alias.name, "") for alias in node.names]
        for module, name in taken:
            root = module.partition(".")[0]
            if root == package or root not in FACES or module.startswith(OTHER_HALVES.get(package, "-")):
                continue
            if module not in FACES[root]:
                yield f"{module}.{name}: {module} is not a face"
            elif name and f"{module}.{name}" not in FACES[root] and name not in _listed(module):
                yield f"{module}.{name}: {module} does not list it in __all__"


def _listed(module: str) -> set[str]:
    """What a face offers: a room its list, a ground file what it defines."""
    face = importlib.import_module(module)
    defined = {name for name, value in vars(face).items() if getattr(value, "__module__", module) == module}
    return set(getattr(face, "__all__", {name for name in defined if not name.startswith("_")}))


def _package(path: Path) -> str:
    parts = path.relative_to(ROOT).parts
    return parts[1] if parts[0] in {"core", "plugins", "mockserver"} else ""


@pytest.mark.parametrize(
    "path",
    [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")) if _package(path) != "offhook"],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_a_module_takes_what_a_face_lists(path: Path) -> None:
    assert not list(problems(path.read_text(encoding="utf-8"), _package(path)))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("from offhook.call.driver import Driver", "offhook.call.driver is not a face"),
        ("import offhook.call.driver", "offhook.call.driver is not a face"),
        ("from offhook.call import Driver", "does not list it"),
        ("if TYPE_CHECKING:\n    from offhook.media.pacer import Pacer", "offhook.media.pacer is not a face"),
        ("from offhook_mockserver.rooms import Room", "offhook_mockserver.rooms is not a face"),
    ],
)
def test_what_is_behind_a_face_is_found(text: str, says: str) -> None:
    (problem,) = problems(text, "acme")
    assert says in problem


def test_what_a_face_lists_may_be_taken() -> None:
    fine = "from offhook import Phone, errors\nfrom offhook.interfaces import Carrier\nimport offhook_wire.rtp"
    assert not list(problems(fine, "acme"))
