"""Looks at a plugin's functions before it is registered: what pluggy passes over in silence is a mistake here.

pluggy ignores a function that is not marked, and hands on only the arguments that an implementation names. So a rule
of `offhook_before_dial` that somebody forgot to mark would never be asked, and nobody would know.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Final

from offhook.errors import PluginError
from offhook.plugin import hookspecs
from offhook.plugin.report import HOOKS_PAGE, NO_HOOK, PLUGIN_SECTION
from offhook.wording import nearest_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pluggy

    from offhook.plugin.report import PluginReport


_PREFIX: Final = "offhook_"
#: The hooks that there are, with the arguments of each.
HOOKS: Final[Mapping[str, tuple[str, ...]]] = {
    name: tuple(inspect.signature(spec).parameters)
    for name, spec in vars(hookspecs).items()
    if name.startswith(_PREFIX) and inspect.isfunction(spec)
}
#: The hooks that decide something; what they give is awaited where it can be.
_MAY_BE_ASYNC: Final = frozenset({"offhook_before_dial", "offhook_renew_grant"})
_POSITIONAL: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def check_hooks(plugin: object, report: PluginReport, manager: pluggy.PluginManager) -> list[str]:
    """Check the functions of a plugin; gives the hooks that it answers, and adds what is odd to the report's notes.

    Raises:
        PluginError: a function that is no implementation of the hook that it is named for.
    """
    found: list[str] = []
    for name in dir(plugin):
        if not name.startswith(_PREFIX):
            continue
        method = getattr(plugin, name)
        marks = manager.parse_hookimpl_opts(plugin, name)
        if marks is None:
            _vet_unmarked(name, method, report)
        elif name in HOOKS:
            _vet_marked(name, method, marks, report)
            found.append(name)
        elif not marks.get("optionalhook"):
            raise PluginError(report.label, name, f"there is no hook of that name{_meant(name)}", see=HOOKS_PAGE)
    return sorted(found)


def _meant(name: str) -> str:
    # Without what all of them begin with, which would make everything look alike.
    short = nearest_name(name.removeprefix(_PREFIX), [hook.removeprefix(_PREFIX) for hook in HOOKS])
    return short.replace("mean ", f"mean {_PREFIX}")


def _vet_unmarked(name: str, method: object, report: PluginReport) -> None:
    if not inspect.isroutine(method) or getattr(hookspecs, name, None) is method:
        return  # a submodule, say, or the hook's own specification, imported for its types
    if name in HOOKS:
        problem = "it is not marked, and would never be called: mark it with offhook.hookimpl"
        raise PluginError(report.label, name, problem, see=PLUGIN_SECTION)
    report.notes.append(f"{name} {NO_HOOK}{_meant(name)}")


def _vet_marked(name: str, method: Callable[..., object], marks: pluggy.HookimplOpts, report: PluginReport) -> None:
    page = f"{HOOKS_PAGE}#{name}"
    if marks.get("hookwrapper") or marks.get("wrapper"):
        raise PluginError(report.label, name, "it is a wrapper; hooks of offhook have none", see=page)
    if name not in _MAY_BE_ASYNC and inspect.iscoroutinefunction(method):
        problem = "it is async; this hook is a plain function, called on the loop"
        raise PluginError(report.label, name, problem, see=page)
    known = HOOKS[name]
    parameters = inspect.signature(method).parameters.values()
    needed = [item for item in parameters if item.default is item.empty]
    wrong = [item.name for item in needed if item.kind in _POSITIONAL and item.name not in known]
    by_name = [item.name for item in needed if item.kind is item.KEYWORD_ONLY]
    if wrong == ["self"]:
        raise PluginError(report.label, name, "it is a method of a class: give an instance of it", see=page)
    if wrong or by_name:
        problem = f"it takes {', '.join(wrong)}" if wrong else f"it takes {', '.join(by_name)} by name only"
        problem += f"; this hook gives {', '.join(known)}, each as a plain argument that may be left out"
        raise PluginError(report.label, name, problem, see=page)
