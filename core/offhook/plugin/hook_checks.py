"""Checks a plugin's functions before it is registered; what pluggy ignores silently is an error here.

pluggy ignores a function that is not marked, and passes only the arguments that an implementation names. Without these
checks, an `offhook_before_dial` without its mark would never be called, and no message would say so.
"""

from __future__ import annotations

import inspect
from types import FunctionType
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
#: All hooks, with the arguments of each.
HOOKS: Final[Mapping[str, tuple[str, ...]]] = {
    name: tuple(inspect.signature(spec).parameters)
    for name, spec in vars(hookspecs).items()
    if name.startswith(_PREFIX) and inspect.isfunction(spec)
}
#: The hooks that decide something; an awaitable that they return is awaited.
_MAY_BE_ASYNC: Final = frozenset({"offhook_before_dial", "offhook_renew_grant"})
_POSITIONAL: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def check_hooks(plugin: object, report: PluginReport, manager: pluggy.PluginManager) -> list[str]:
    """Check the functions of a plugin; returns the hooks that it implements.

    Args:
        plugin: a module or object.
        report: the plugin's report; functions that only look like hooks are added to its notes.
        manager: reads the marks.

    Raises:
        PluginError: a function does not fit the hook that it is named for.
    """
    found: list[str] = []
    for name in dir(plugin):
        if not name.startswith(_PREFIX):
            continue
        method = getattr(plugin, name)
        marks = manager.parse_hookimpl_opts(plugin, name)
        if marks is None:
            _check_unmarked(name, method, report)
        elif name in HOOKS:
            _check_marked(name, method, marks, report)
            found.append(name)
        elif not marks.get("optionalhook"):
            raise PluginError(report.label, name, f"offhook has no hook of this name{_nearest(name)}", see=HOOKS_PAGE)
    return sorted(found)


def _nearest(name: str) -> str:
    # Compared without the common prefix, which would make all names look alike.
    short = nearest_name(name.removeprefix(_PREFIX), [hook.removeprefix(_PREFIX) for hook in HOOKS])
    return short.replace("mean ", f"mean {_PREFIX}")


def _check_unmarked(name: str, method: object, report: PluginReport) -> None:
    if not inspect.isroutine(method) or getattr(hookspecs, name, None) is method:
        return  # a submodule, for example, or the hook's own specification, imported for its types
    if name in HOOKS:
        problem = "it is not marked and would never be called: decorate it with offhook.hookimpl"
        raise PluginError(report.label, name, problem, see=PLUGIN_SECTION)
    report.notes.append(f"{name} {NO_HOOK}{_nearest(name)}")


def _check_marked(name: str, method: Callable[..., object], marks: pluggy.HookimplOpts, report: PluginReport) -> None:
    page = f"{HOOKS_PAGE}#{name}"
    if marks.get("hookwrapper") or marks.get("wrapper"):
        raise PluginError(
            report.label, name, "it is a wrapper, which offhook does not support: make it a plain hookimpl", see=page
        )
    if name not in _MAY_BE_ASYNC and inspect.iscoroutinefunction(method):
        problem = "it is async: make it a plain function, since this hook is not awaited"
        raise PluginError(report.label, name, problem, see=page)
    known = HOOKS[name]
    if _takes_only(known, method):
        return
    parameters = inspect.signature(method).parameters.values()
    needed = [item for item in parameters if item.default is item.empty]
    wrong = [item.name for item in needed if item.kind in _POSITIONAL and item.name not in known]
    by_name = [item.name for item in needed if item.kind is item.KEYWORD_ONLY]
    if wrong == ["self"]:
        raise PluginError(report.label, name, "it is a method of a class: pass an instance of the class", see=page)
    if wrong or by_name:
        problem = f"it requires {', '.join(wrong)}" if wrong else f"{', '.join(by_name)} is keyword-only"
        problem += f"; this hook passes {', '.join(known)}: accept any of them as plain arguments"
        raise PluginError(report.label, name, problem, see=page)


def _takes_only(known: tuple[str, ...], method: object) -> bool:
    """Whether it is a plain function that has no other arguments than these: the usual hook, recognised quickly."""
    if type(method) is not FunctionType or len(method.__dict__) > 1:  # more than a mark: it may wrap another function
        return False
    code = method.__code__
    return not code.co_kwonlyargcount and set(code.co_varnames[: code.co_argcount]) <= set(known)
