"""Finds plugins, loads them one by one, and keeps what they registered.

A plugin that fails to import or to register is reported and left out; the others go on. Each `Plugins` is complete in
itself: two phones in one process share nothing.
"""

from __future__ import annotations

import functools
import importlib.metadata
import inspect
import itertools
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar, TypeVarTuple, Unpack

import pluggy

from offhook import hookspecs
from offhook.errors import OffhookError, PluginError, SpecError
from offhook.registry import (
    ArchiveFactory,
    AuthFactory,
    CarrierFactory,
    Command,
    Environment,
    FarEndFactory,
    FilterFactory,
    Registry,
    ResamplerFactory,
    SinkFactory,
    SourceFactory,
    StoreFactory,
    TransportFactory,
)
from offhook.secret import redact
from offhook.spec import Spec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from offhook.interfaces import Archive, AudioFilter, AudioSink, AudioSource, Resampler, Store

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")

GROUP: Final = "offhook"
#: Names of plugins not to load, separated by commas.
DISABLE_VARIABLE: Final = "OFFHOOK_DISABLE_PLUGINS"
#: The hooks that decide something; what they give is awaited where it can be.
_MAY_BE_ASYNC: Final = frozenset({"offhook_before_dial", "offhook_renew_grant"})


def _naming(function: Callable[..., object], names: tuple[str, ...]) -> Callable[..., object]:
    def call(**arguments: object) -> object:
        return function(**{name: arguments[name] for name in names})

    return call


def _settings(environment: Mapping[str, str] | None) -> Environment:
    """`environment` as parts are given it; the process's own by default."""
    environment = os.environ if environment is None else environment
    return environment if isinstance(environment, Environment) else Environment(environment)


def _itself(plugin: object) -> object:
    return plugin


@dataclass(slots=True)
class PluginReport:
    """What became of one plugin: where it is from, the hooks it answers, and the problem that kept it out, if any."""

    name: str
    distribution: str = ""
    version: str = ""
    hooks: list[str] = field(default_factory=list[str])
    problem: str = ""
    disabled: bool = False

    @property
    def label(self) -> str:
        """The plugin and where it is from, for messages."""
        return f"{self.name} ({' '.join(filter(None, (self.distribution, self.version)))})"


class Plugins:
    """The loaded plugins, and one registry for each kind of thing they add."""

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager("offhook")
        self._manager.add_hookspecs(hookspecs)
        self._wants_commands = False
        self.reports: list[PluginReport] = []
        self.auth: Registry[AuthFactory] = Registry("auth", "offhook_auth")
        self.carriers: Registry[CarrierFactory] = Registry("carrier", "offhook_carrier")
        self.transports: Registry[TransportFactory] = Registry("transport", "offhook_transport")
        self.sources: Registry[SourceFactory] = Registry("audio source", "offhook_audio_source")
        self.sinks: Registry[SinkFactory] = Registry("audio sink", "offhook_audio_sink")
        self.filters: Registry[FilterFactory] = Registry("audio filter", "offhook_audio_filter")
        self.resamplers: Registry[ResamplerFactory] = Registry("resampler", "offhook_resampler")
        self.stores: Registry[StoreFactory] = Registry("store", "offhook_store")
        self.archives: Registry[ArchiveFactory] = Registry("archive", "offhook_archive")
        self.far_ends: Registry[FarEndFactory] = Registry("far end", "offhook_far_end")
        self.commands: Registry[Command] = Registry("command", "offhook_command")

    @classmethod
    def load(
        cls, extra: Iterable[object] = (), environment: Mapping[str, str] | None = None, *, commands: bool = False
    ) -> Plugins:
        """Load what the installed distributions offer, then `extra`.

        Args:
            extra: modules or objects with `hookimpl` functions, beside the installed ones.
            environment: where `OFFHOOK_DISABLE_PLUGINS` is looked up; the process's own by default.
            commands: whether to ask for commands as well, which import what a command line needs.

        Raises:
            PluginError: one of `extra` cannot be used. An installed one that cannot is left out and reported instead.
        """
        plugins = cls()
        plugins._wants_commands = commands
        given: list[PluginReport] = []
        environment = os.environ if environment is None else environment
        disabled = {name.strip() for name in environment.get(DISABLE_VARIABLE, "").split(",")}
        for point in sorted(importlib.metadata.entry_points(group=GROUP)):
            report = PluginReport(point.name)
            if point.dist is not None:
                report.distribution, report.version = point.dist.name, point.dist.version
            plugins.reports.append(report)
            if point.name in disabled:
                report.disabled, report.problem = True, f"not loaded: {DISABLE_VARIABLE} names it"
            else:
                plugins._guard(report, point.load)
        for plugin in extra:
            name = plugins._unused(str(getattr(plugin, "__name__", type(plugin).__name__)))
            report = PluginReport(name, "given to the phone")
            plugins.reports.append(report)
            given.append(report)
            plugins._guard(report, functools.partial(_itself, plugin))
            if not report.problem and not report.hooks:
                report.problem = "it has no hook: mark its functions with offhook.hookimpl"
        for report in given:
            if report.problem:
                raise PluginError(report.label, "registration", report.problem)
        return plugins

    def _unused(self, name: str) -> str:
        """`name`, with a number behind it where another plugin has it: two objects of one class are two plugins."""
        taken = {report.name for report in self.reports}
        names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
        return next(candidate for candidate in names if candidate not in taken)

    def _guard(self, report: PluginReport, load: Callable[[], object]) -> None:
        """A plugin's code may raise anything, SystemExit included; it is left out and the reason kept."""
        plugin: object = None
        try:
            plugin = load()
            self._add(plugin, report)
        except (Exception, SystemExit) as error:
            known = isinstance(error, OffhookError)
            report.problem = redact(str(error) if known else f"{type(error).__name__}: {error}")
            # What it did so far is undone, unless another plugin had its name first.
            if plugin is not None and self._manager.get_plugin(report.name) is plugin:
                for registry in self.registries():
                    registry.forget(report.label)
                self._manager.unregister(name=report.name)

    def _add(self, plugin: object, report: PluginReport) -> None:
        if self._manager.has_plugin(report.name):
            first = next(other for other in self.reports if other.name == report.name and not other.problem)
            raise PluginError(report.label, "registration", f"the name is taken by plugin {first.label!r}")
        self._manager.register(plugin, report.name)
        try:
            self._manager.check_pending()
        except pluggy.PluginValidationError as error:
            raise PluginError(report.name, "registration", str(error)) from None
        report.hooks = sorted(caller.name for caller in self._manager.get_hookcallers(plugin) or ())
        for name in report.hooks:
            if name not in _MAY_BE_ASYNC and inspect.iscoroutinefunction(getattr(plugin, name)):
                raise PluginError(report.label, name, "it is async; this hook is a plain function, called on the loop")
        for registry in self.registries():
            if registry is self.commands and not self._wants_commands:
                continue
            registry.plugin = report.label
            for name, implementation in self.observers(registry.hook):
                if name == report.name:
                    implementation(registry=registry)

    def registries(self) -> tuple[Registry[Any], ...]:
        """All of them; Any, because whoever walks over them does not care what the factories of each make."""
        return (
            self.auth,
            self.carriers,
            self.transports,
            self.sources,
            self.sinks,
            self.filters,
            self.resamplers,
            self.stores,
            self.archives,
            self.far_ends,
            self.commands,
        )

    def observers(self, hook: str) -> list[tuple[str, Callable[..., object]]]:
        """The implementations of `hook` with their plugins' names, in the order of registration.

        Like pluggy itself, an implementation is only given the arguments that it names.
        """
        caller: pluggy.HookCaller = getattr(self._manager.hook, hook)
        return [(item.plugin_name, _naming(item.function, item.argnames)) for item in caller.get_hookimpls()]

    @property
    def problems(self) -> list[PluginReport]:
        """The plugins that were left out because they failed; those that were switched off are not among them."""
        return [report for report in self.reports if report.problem and not report.disabled]

    def source(self, text: str) -> AudioSource:
        """Open the audio source that the spec `text` names.

        Raises:
            SpecError, MissingExtraError, SourceError: nothing has that name, or it cannot be opened.
        """
        spec = Spec.parse(text)
        return self.make(self.sources, spec.name, spec.argument)

    def sink(self, text: str) -> AudioSink:
        """Open the audio sink that the spec `text` names.

        Raises:
            SpecError, MissingExtraError, RecordingError: nothing has that name, or it cannot be opened.
        """
        spec = Spec.parse(text)
        return self.make(self.sinks, spec.name, spec.argument)

    def filter(self, text: str, rate_hz: int) -> AudioFilter:
        """Make the audio filter that the spec `text` names, for audio at `rate_hz`.

        Raises:
            SpecError, MissingExtraError: nothing has that name, or it cannot be made.
        """
        spec = Spec.parse(text)
        return self.make(self.filters, spec.name, spec.argument, rate_hz)

    def store(self, text: str, environment: Mapping[str, str] | None = None) -> Store:
        """Open the store that the spec `text` names, with settings from `environment`; the process's own by default.

        Raises:
            SpecError, MissingExtraError, RecordingError: nothing has that name, or it cannot be opened.
        """
        spec = Spec.parse(text)
        return self.make(self.stores, spec.name, spec.argument, _settings(environment))

    def archive(self, text: str, environment: Mapping[str, str] | None = None) -> Archive:
        """Open what the store of the spec `text` has written, for reading: nothing is made and nothing is changed.

        Raises:
            SpecError, MissingExtraError, RecordingError: nothing that can be read has that name, or it cannot be read.
        """
        spec = Spec.parse(text)
        if all(item.name != spec.name for item in self.archives) and any(
            item.name == spec.name for item in self.stores
        ):
            known = ", ".join(sorted(item.name for item in self.archives)) or "none"
            raise SpecError(f"the store {spec.name!r} cannot be read again (those that can: {known})")
        return self.make(self.archives, spec.name, spec.argument, _settings(environment))

    def resampler(self, kind: str, from_hz: int, to_hz: int) -> Resampler:
        """A resampler from one rate to another; `kind` is ``live`` (little delay) or ``file`` (best quality).

        Raises:
            SpecError, MissingExtraError: none is installed.
        """
        return self.make(self.resamplers, kind, from_hz, to_hz)

    def make(self, registry: Registry[Callable[[Unpack[_Ts]], _T]], name: str, *arguments: *_Ts) -> _T:
        """Call the factory called `name`.

        Raises:
            SpecError, MissingExtraError: there is none, or something that it needs is not installed.
            PluginError: it raised something that is not an `OffhookError`.
        """
        factory = registry.find(name)
        try:
            return factory(*arguments)
        except OffhookError:
            raise
        except Exception as error:
            plugin = next(item.plugin for item in registry if item.name == name)
            problem = f"{name!r} could not be made: {type(error).__name__}: {error}"
            raise PluginError(plugin, registry.hook, problem) from error
