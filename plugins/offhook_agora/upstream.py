"""Upstream's Python layer, read as text. Importing it would download, delete and switch certificate checks off.

Only the syntax tree of its files is read; nothing of them runs.
"""

from __future__ import annotations

import ast
import warnings
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from offhook_agora.machine import Machine

#: The file by which upstream's package is recognised: others are called ``agora`` too.
SERVICE: Final = "rtc/agora_service.py"
#: The modules that a call imports.
_ENTRANCES: Final = ("agora_service", "rtc_connection")
_LARGEST: Final = 1024 * 1024
_DISTRIBUTIONS: Final = "agora_python_server_sdk-*"


def is_upstream(package: Path) -> bool:
    """Whether a folder is upstream's package, and not another one that is called ``agora``."""
    try:
        return (package / SERVICE).is_file()
    except (OSError, ValueError):
        return False


def version_of(package: Path) -> str:
    """Return the version of an installed package, from the name of its metadata; empty if there is none."""
    folder = _metadata(package)
    return folder.stem.split("-")[1] if folder else ""


def installer_of(package: Path) -> str:
    """Return which program installed a package, such as ``pip`` or ``uv``; empty if that is not known."""
    folder = _metadata(package)
    try:
        text = (folder / "INSTALLER").read_text("ascii")[:20].strip() if folder else ""
    except (OSError, ValueError):
        text = ""
    return text if text.isalnum() else ""


def native_address(package: Path, machine: Machine) -> str:
    """Return the address from which a package downloads its native library on `machine`; empty if it is not found."""
    for node in ast.walk(_tree(package / "__init__.py")):
        if isinstance(node, ast.FunctionDef) and "url" in (values := _values(node.body, machine, {})):
            return values["url"]
    return ""


def records_address(package: Path) -> bool:
    """Whether a package compares the address in its ``version.txt`` with its own. 2.3.4 does not."""
    return any(
        isinstance(node, ast.Constant) and node.value == "version.txt"
        for node in ast.walk(_tree(package / "__init__.py"))
    )


def bound_symbols(package: Path) -> frozenset[str]:
    """Return the names of the functions that a package looks up in the native library when a call imports it."""
    rtc = package / "rtc"
    waiting, seen, found = list[str](_ENTRANCES), set[str](), set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        path = rtc.joinpath(*name.split("."))
        tree = _tree(path.with_suffix(".py"))
        waiting += _imports(tree, tuple(name.split(".")[:-1]))
        found |= {
            node.attr
            for node in _at_import(tree.body)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "agora_lib"
        }
    return frozenset(found)


def _metadata(package: Path) -> Path | None:
    """The folder of a package's metadata, which its installer has put beside it."""
    try:
        folders = sorted(package.parent.glob(_DISTRIBUTIONS))
    except OSError:
        return None
    return next((folder for folder in folders if folder.suffix in (".dist-info", ".egg-info")), None)


def _tree(path: Path) -> ast.Module:
    """The syntax tree of a file; an empty one if it cannot be read."""
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST + 1)
        if len(raw) <= _LARGEST:
            with warnings.catch_warnings(action="ignore"):
                return ast.parse(raw)
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
        pass
    return ast.Module([], [])


def _values(body: Sequence[ast.stmt], machine: Machine, values: dict[str, str]) -> dict[str, str]:
    """The texts that names have after a function's body, as far as plain assignments and conditions decide them."""
    for statement in body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            text = _text(statement.value, machine, values)
            if text is not None:
                values[statement.targets[0].id] = text
        elif isinstance(statement, ast.If):
            _values(statement.body if _holds(statement.test, machine) else statement.orelse, machine, values)
    return values


def _text(node: ast.expr, machine: Machine, values: dict[str, str]) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Name):
        return {"arch": machine.processor}.get(node.id, values.get(node.id))
    return machine.system if ast.unparse(node) == "sys.platform" else None


def _holds(test: ast.expr, machine: Machine) -> bool:
    """Whether a condition on the system and the processor holds. One about anything else does not."""
    if isinstance(test, ast.BoolOp):
        return (all if isinstance(test.op, ast.And) else any)(_holds(value, machine) for value in test.values)
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq):
        left, right = (_text(node, machine, {}) for node in (test.left, test.comparators[0]))
        return left is not None and left == right
    return False


def _imports(tree: ast.Module, package: tuple[str, ...]) -> Iterator[str]:
    """The modules of ``agora.rtc`` that a module imports."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom):
            continue
        module = tuple((node.module or "").split(".")) if node.module else ()
        if node.level and node.level <= len(package) + 1:
            base = package[: len(package) - node.level + 1]
        elif not node.level and module[:2] == ("agora", "rtc"):
            base, module = (), module[2:]
        else:
            continue
        yield ".".join((*base, *module)) or "__init__"
        yield from (".".join((*base, *module, alias.name)) for alias in node.names if alias.name.isidentifier())


def _at_import(body: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """The nodes that run when a module is imported: everything but the bodies of functions."""
    for node in body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield node
            yield from _at_import(list(ast.iter_child_nodes(node)))
