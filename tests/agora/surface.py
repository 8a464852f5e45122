"""What a version of Agora's Python layer looks up in the native library, and what it offers to programs.

Read from the source archive without running anything of it, so that two versions can be compared.
"""

from __future__ import annotations

import ast
import io
import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def surface(archive: bytes) -> dict[str, str]:
    """Return what a source archive looks up and offers: names, each with its signature, fields or value."""
    found: dict[str, str] = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        for member in files:
            parts = member.name.split("/")
            if member.isfile() and parts[1:3] == ["agora", "rtc"] and member.name.endswith(".py"):
                content = files.extractfile(member)
                assert content is not None
                found.update(_of_module(ast.parse(content.read())))
    return found


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Return one line for each name that one of the two lacks, or that differs."""
    lines = [f"gone     {name}{before[name]}" for name in sorted(before.keys() - after.keys())]
    lines += [f"new      {name}{after[name]}" for name in sorted(after.keys() - before.keys())]
    both = sorted(name for name in before.keys() & after.keys() if before[name] != after[name])
    return [*lines, *(f"changed  {name}{before[name]}  ->  {after[name]}" for name in both)]


def _of_module(tree: ast.Module) -> Iterator[tuple[str, str]]:
    yield from _symbols(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield from _of_class(node)
        elif isinstance(node, ast.Assign) and _is_callback(node.value):
            yield f"callback {ast.unparse(node.targets[0])}", ast.unparse(node.value).partition("CFUNCTYPE")[2]


def _symbols(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Each native function that is looked up, with the types that are set for it."""
    called: dict[str, str] = {}  # the name in the module, and that of the function
    types: dict[str, dict[str, str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value).endswith("agora_lib"):
            types.setdefault(node.attr, {})
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target, value = ast.unparse(node.targets[0]), ast.unparse(node.value)
            if value.startswith("agora_lib."):
                called[target] = value.removeprefix("agora_lib.")
            name, _, attribute = target.rpartition(".")
            if attribute in ("argtypes", "restype"):
                function = called.get(name, name.removeprefix("agora_lib."))
                types.setdefault(function, {})[attribute] = value
    for function, given in types.items():
        yield f"symbol {function}", f"{given.get('argtypes', '[?]')} -> {given.get('restype', 'int')}"


def _of_class(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and (not item.name.startswith("_") or item.name == "__init__"):
            yield f"method {node.name}.{item.name}", f"({ast.unparse(item.args)})"
        elif isinstance(item, ast.Assign) and ast.unparse(item.targets[0]) == "_fields_":
            yield f"struct {node.name}", f" {ast.unparse(item.value)}"
        elif isinstance(item, ast.Assign) and isinstance(item.value, ast.Constant):
            yield f"value {node.name}.{ast.unparse(item.targets[0])}", f" = {ast.unparse(item.value)}"
        elif isinstance(item, ast.AnnAssign):
            default = "" if item.value is None else f" = {ast.unparse(item.value)}"
            yield f"field {node.name}.{ast.unparse(item.target)}", f": {ast.unparse(item.annotation)}{default}"


def _is_callback(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and ast.unparse(value.func).endswith("CFUNCTYPE")
