"""Loads plugins one by one; a plugin that fails is left out with the reason, and does not affect the others."""

from __future__ import annotations

import inspect
import itertools
from types import FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, Final

import pluggy

from offhook.errors import OffhookError, PluginError
from offhook.plugin import hookspecs
from offhook.plugin.discovery import DISABLE_VARIABLE, OURS, origin_of
from offhook.plugin.hook_checks import check_hooks
from offhook.plugin.isolation import as_plugin_error, remember_distribution
from offhook.plugin.quarantine import quarantine
from offhook.plugin.report import BUILT_IN, GIVEN, PLUGIN_SECTION, PluginReport

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.metadata import EntryPoint

    from offhook.plugin.registry import Registry


#: What can carry the mark of a hook.
_MARKABLE: Final = (FunctionType, MethodType, classmethod, staticmethod)


class _Manager(pluggy.PluginManager):
    """Passes over what cannot be a hook: Python's own names, and what is neither a function nor a method."""

    def parse_hookimpl_opts(self, plugin: object, name: str) -> pluggy.HookimplOpts | None:
        if name.startswith("__"):
            return None
        if isinstance(plugin, ModuleType):
            found = vars(plugin).get(name)
            if type(found) is FunctionType:  # the usual plugin: its marks are read without `inspect`
                marks: pluggy.HookimplOpts | None = found.__dict__.get("offhook_impl")
                return marks
            if not isinstance(found, _MARKABLE):
                return None
        elif _is_unmarked(plugin, name):
            return None
        return super().parse_hookimpl_opts(plugin, name)

    def parse_hookspec_opts(self, module_or_class: object, name: str) -> pluggy.HookspecOpts | None:
        found = vars(module_or_class)[name]  # of our own module, in which all hooks are functions
        marks: pluggy.HookspecOpts | None = found.__dict__.get("offhook_spec") if type(found) is FunctionType else None
        return marks


def _is_unmarked(plugin: object, name: str) -> bool:
    """Whether a plugin's class has a plain function without a mark under this name, or a property, or the plugin itself
    has what cannot be marked: most names.
    """
    for base in type(plugin).__mro__:
        if name in base.__dict__:
            found = base.__dict__[name]
            return isinstance(found, property) or (isinstance(found, FunctionType) and not found.__dict__)
    own: dict[str, object] = getattr(plugin, "__dict__", {})
    return name in own and not isinstance(own[name], _MARKABLE)


class Loader:
    """Holds the loaded plugins, and lets them add to registries.

    Args:
        registries: the registries whose hooks are called.
    """

    def __init__(self, registries: Sequence[Registry[Any]]) -> None:
        self._registries = registries
        self._manager = _Manager("offhook")
        self._manager.add_hookspecs(hookspecs)
        self._labels: dict[str, str] = {}
        self.reports: list[PluginReport] = []

    def installed(self, point: EntryPoint, report: PluginReport) -> None:
        """Load an entry point, unless it is disabled."""
        self.reports.append(report)
        if report.disabled:
            return
        if self._guard(report, point.load) is None and not report.hooks:
            report.notes.append("it implements no hook")

    def given(self, plugin: object, origin: str = GIVEN) -> None:
        """Load a plugin object.

        Args:
            plugin: a module or object with hooks.
            origin: `GIVEN` or `BUILT_IN`; it stands in the place of a distribution.

        Raises:
            OffhookError: the plugin cannot be used.
        """
        report = self._report(plugin, origin)
        self.reports.append(report)
        error = self._guard(report, lambda: plugin)
        if error is not None:
            raise error
        if not report.hooks:
            problem = "it implements no hook: decorate its functions with offhook.hookimpl"
            raise PluginError(report.label, "registration", problem, see=PLUGIN_SECTION)

    def implementations(self, hook: str) -> list[tuple[str, Callable[..., object]]]:
        """The implementations of `hook` with their plugins' labels: those marked `tryfirst`, then in the order of
        registration, then those marked `trylast`.

        Like pluggy itself, an implementation only receives the arguments that it names.
        """
        return [(self._labels[item.plugin_name], _naming(item.function, item.argnames)) for item in self._found(hook)]

    def _found(self, hook: str) -> list[pluggy.HookImpl]:
        caller: pluggy.HookCaller = getattr(self._manager.hook, hook)
        return sorted(caller.get_hookimpls(), key=lambda item: item.trylast - item.tryfirst)

    def _report(self, plugin: object, origin: str) -> PluginReport:
        """A new report. Two objects of one class are two plugins: the name of the second gets a number."""
        own = getattr(plugin, "__name__", None)
        name = str(own or type(plugin).__name__)
        taken = {report.name for report in self.reports}
        names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
        report = PluginReport(next(candidate for candidate in names if candidate not in taken), origin)
        report.module = name if inspect.ismodule(plugin) else type(plugin).__module__
        report.origin = origin_of(report.module)
        return report

    def _guard(self, report: PluginReport, load: Callable[[], object]) -> OffhookError | None:
        """Load a plugin, whose code may raise anything; returns the error for which it is left out, or None."""
        plugin: object = None
        try:
            with quarantine(report.notes.append):
                plugin = load()
                self._add(plugin, report)
        except BaseException as error:
            typed = as_plugin_error(report.label, "registration", error)
            report.fail(error)
            # Remove what the plugin added, unless the plugin was rejected because another one has its name.
            if plugin is not None and self._manager.get_plugin(report.name) is plugin:
                for registry in self._registries:
                    registry.forget(report.label)
                self._manager.unregister(name=report.name)
            return typed
        finally:
            for registry in self._registries:
                registry.plugin = ""
        return None

    def _add(self, plugin: object, report: PluginReport) -> None:
        self._reject_second(plugin, report)
        hooks = check_hooks(plugin, report, self._manager)
        if report.distribution not in (OURS, GIVEN, BUILT_IN):  # messages need not name our own distribution
            remember_distribution(report.module, f"{report.distribution} {report.version}".strip())
        self._manager.register(plugin, report.name)
        self._labels[report.name] = report.label
        report.hooks = hooks
        for registry in self._registries:
            for item in self._found(registry.hook):
                if item.plugin_name == report.name:
                    registry.plugin = report.label
                    _register(report.label, registry, _naming(item.function, item.argnames))

    def _reject_second(self, plugin: object, report: PluginReport) -> None:
        problem = ""
        if self._manager.has_plugin(report.name):
            first = next(other for other in self.reports if other.name == report.name and not other.problem)
            problem = f"its name is taken by plugin {first.label!r}: rename its entry point"
            if first.distribution != BUILT_IN:
                problem += f", or disable that plugin with {DISABLE_VARIABLE}={first.name}@{first.distribution}"
        elif plugin is not None and self._manager.is_registered(plugin):
            problem = f"the same object is registered already, as {self._manager.get_name(plugin)!r}"
        if problem:
            raise PluginError(report.label, "registration", problem, see=PLUGIN_SECTION)


def _register(label: str, registry: Registry[Any], implementation: Callable[..., object]) -> None:
    try:
        returned = implementation(registry=registry)
    except OffhookError:
        raise
    except BaseException as error:
        raise as_plugin_error(label, registry.hook, error) from error
    if inspect.iscoroutine(returned):
        returned.close()
        raise PluginError(
            label, registry.hook, "it returned a coroutine: make it a plain function that calls registry.add"
        )


def _naming(function: Callable[..., object], names: tuple[str, ...]) -> Callable[..., object]:
    def call(**arguments: object) -> object:
        return function(**{name: arguments[name] for name in names})

    return call
