"""No module keeps anything between calls, phones or tests, but what the process itself has only one of."""

from __future__ import annotations

import ast
import dataclasses
import enum
import functools
import importlib
import inspect
import ipaddress
import logging
import pathlib
import pkgutil
import re
import struct
import tomllib
import types
import typing
from pathlib import Path
from typing import TYPE_CHECKING

import pluggy
import pytest
from _pytest.fixtures import FixtureFunctionDefinition

from offhook_mockserver.faces.operations.fields import Field, Fields
from offhook_mockserver.faces.operations.kinds import Kind
from offhook_mockserver.faces.operations.routes import Routes

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = [Path(folder).name for folder in PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]]

#: What is kept all the same, and why.
ALLOWED = {
    "offhook.secret._live": "the secrets of all phones: one phone's key must not get out in another's message either",
    "offhook.call.in_process._service": "a context variable: each context has its own, and it is undone at the end",
    "offhook.plugin.isolation._left_behind": "tasks that nothing can end, which the loop itself only knows weakly",
    "offhook.plugin.isolation._distributions": "which installed distribution a package is from, for messages",
    "offhook.plugin.distributions._unchanged": "what files of distributions say, as long as they stay as they are",
    "offhook.plugin.part_checks._methods_mismatch": "a class is checked once for all phones; 256 at most",
    "offhook.plugin.quarantine._guarded": "the TLS hook is the process's, and plugins may be loaded in several threads",
    "offhook.media.pace_timer._of_loops": "a loop has one set of timers, whoever paces on it; it goes with them",
    "offhook.cli.records.command.records": "typer's description of commands; filled while the module is imported",
    "offhook_mockserver.commands.fault.fault": "likewise",
    "offhook_mockserver.commands.mock.mock": "likewise",
    "offhook_mockserver.commands.bench.command.bench": "likewise",
    "offhook_agora.agora_command.agora": "likewise",
    "offhook_agora.child.service.process_service": "the SDK serves one app id in the life of a process",
    "offhook.testing.conformance.tones.tone": "a sine is the same whoever asks; 64 of them at most",
    "offhook_sqlite.owner._owners": "a fork copies every lock of the process at once, whoever has taken it",
    "offhook_sqlite.store._inherited": "connections that a forked child may neither use nor close",
    "offhook_wire.message._codecs": "the reader and writer of a class of messages are made once; one for each class",
    "offhook_wire.message._dump": "a method of an encoder, which keeps nothing",
    "offhook_mockserver.tenants.entry._names_a_secret": "what a name says of itself, whoever sends it; 256 at most",
    "offhook_mockserver.doors.json_answer.encode": "a method of an encoder, which keeps nothing",
    "offhook_wire.strict_json._decode": "a method of a decoder, which keeps nothing",
    "offhook_wire.opus.default_backend": "a library is loaded once for the process; it holds nothing of a call",
}
#: Values of these cannot change, or are the process's own.
CONSTANT = (
    *(str, bytes, int, float, bool, type(None), type, enum.Enum, re.Pattern, struct.Struct, pathlib.PurePath),
    *(
        types.ModuleType,
        types.MappingProxyType,
        types.FunctionType,
        types.BuiltinFunctionType,
        types.UnionType,
        types.GenericAlias,
    ),
    *(
        ipaddress.IPv4Network,
        ipaddress.IPv6Network,
        range,
        types.MemberDescriptorType,
        types.GetSetDescriptorType,
        types.WrapperDescriptorType,
        *(property, functools.cached_property),  # the latter keeps its value in the object
    ),
    *(typing.TypeVar, typing.TypeVarTuple, logging.Logger, pluggy.HookspecMarker, pluggy.HookimplMarker),
    *(pytest.StashKey, FixtureFunctionDefinition),
    *(Kind, Field, Fields, Routes),  # what an API accepts, declared once and never changed
)
#: A type checker refuses to change what is declared as one of these.
READ_ONLY = re.compile(r"(Final\[)?(Mapping|Schema|Sequence|Set|frozenset|tuple|MappingProxyType)\b")


def modules(package: str) -> Iterator[types.ModuleType]:
    root = importlib.import_module(package)
    yield root
    for found in pkgutil.walk_packages(root.__path__, f"{package}."):
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def is_constant(value: object) -> bool:
    if isinstance(value, tuple | frozenset):
        return all(is_constant(item) for item in value)
    if isinstance(value, staticmethod | classmethod):
        return True
    if dataclasses.is_dataclass(value) and not isinstance(value, type | Kind | Field):
        return vars(type(value))["__dataclass_params__"].frozen and all(
            is_constant(getattr(value, field.name)) for field in dataclasses.fields(value)
        )
    return isinstance(value, CONSTANT) or type(value).__module__ in ("typing", "__future__")


def state(module: types.ModuleType) -> Iterator[str]:
    """Names of what can change: globals, attributes of classes, defaults of arguments."""
    assert module.__file__ is not None
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    imported = {alias.asname or alias.name for node in imports for alias in node.names}
    declared = inspect.get_annotations(module)
    for name, value in vars(module).items():
        where = f"{module.__name__}.{name}"
        if isinstance(value, type):
            if value.__module__ == module.__name__ and not issubclass(value, enum.Enum):
                yield from _of_class(where, value)
        elif name.startswith("__") or name in imported or READ_ONLY.match(str(declared.get(name, ""))):
            continue
        elif not is_constant(value):
            yield where
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            yield from (f"{module.__name__}.{name}" for name in node.names)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            defaults = [*node.args.defaults, *(default for default in node.args.kw_defaults if default is not None)]
            if any(isinstance(default, ast.List | ast.Dict | ast.Set) for default in defaults):
                yield f"{module.__name__}.{node.name}()"


def _of_class(where: str, kind: type) -> Iterator[str]:
    declared = inspect.get_annotations(kind)
    for name, value in vars(kind).items():
        if name.startswith("__") or name == "_abc_impl" or READ_ONLY.match(str(declared.get(name, ""))):
            continue
        if not is_constant(value):
            yield f"{where}.{name}"


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_keeps_anything(package: str) -> None:
    found = {name for module in modules(package) for name in state(module)}
    assert found - ALLOWED.keys() == set()
    assert {name for name in ALLOWED if name.partition(".")[0] == package} - found == set(), "allowed, and not there"
