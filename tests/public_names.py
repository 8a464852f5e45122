"""What a module makes visible, to be compared with its `__all__`: read from its source, since names that are imported
when they are first used, or for the type checkers alone, are visible as well.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType


def modules_with_a_list(package: str) -> list[ModuleType]:
    """The package itself, all packages in it, and those of its modules that have an `__all__`."""
    root = importlib.import_module(package)
    names = [module.name for module in pkgutil.walk_packages(root.__path__, f"{package}.")]
    found = [importlib.import_module(name) for name in names if not name.endswith("__main__")]
    return [root, *(module for module in found if hasattr(module, "__path__") or hasattr(module, "__all__"))]


def visible(module: ModuleType) -> set[str]:
    """Names without an underscore that it defines, and those that it takes from its own package to give them on.

    A package does that with all that it imports; a module with what it lists.
    """
    assert module.__file__ is not None
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    own = set(_bound(tree.body, None))
    taken = set(_bound(tree.body, module.__name__.partition(".")[0])) - own
    if not hasattr(module, "__path__"):
        taken &= set(module.__all__)
    return {name for name in own | taken if not name.startswith("_") and name != "TYPE_CHECKING"}


def _bound(body: list[ast.stmt], root: str | None) -> Iterator[str]:
    for statement in body:
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Assign(targets=targets):
                yield from (node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.ImportFrom(module=str(source), names=aliases) if source.partition(".")[0] == root:
                yield from (alias.asname or alias.name for alias in aliases)
            case ast.If() | ast.Try():
                for part in (statement.body, statement.orelse):
                    yield from _bound(part, root)
            case _:
                pass


def check(package: str) -> None:
    """Every list names once what is visible, and holds nothing that is not there."""
    for module in modules_with_a_list(package):
        listed: list[str] = getattr(module, "__all__", [])
        assert len(listed) == len(set(listed)), module.__name__  # in which order is for ruff to say
        assert {name for name in listed if name != "__version__"} == visible(module), module.__name__
        for name in listed:
            assert getattr(module, name) is not None, f"{module.__name__}.{name}"
