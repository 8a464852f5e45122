"""Finds plugins, loads them one by one, and keeps what they registered.

A plugin that fails to import or to register is reported and left out; the others are loaded. Each `Plugins` stands by
itself: two phones in one process share nothing.
"""

from __future__ import annotations

import functools
import logging
import os
from typing import TYPE_CHECKING, Any, Final, TypeVar, TypeVarTuple, Unpack

from offhook.arguments import check_flag, check_instance, check_rate, check_several, wrong
from offhook.errors import ConfigError, OffhookError, SpecError
from offhook.interfaces import (
    Archive,
    AudioFilter,
    AudioSink,
    AudioSource,
    Auth,
    Carrier,
    Resampler,
    Store,
    Transport,
)
from offhook.interfaces.environment import Environment
from offhook.plugin.discovery import DISABLE_VARIABLE, REQUIRE_VARIABLE, installed
from offhook.plugin.hooks import Hooks
from offhook.plugin.isolation import PLUGINS_LOGGER, as_plugin_error
from offhook.plugin.loader import Loader
from offhook.plugin.quarantine import quarantine
from offhook.plugin.registry import (
    ArchiveFactory,
    AuthFactory,
    CarrierFactory,
    Command,
    DiagnosisCheck,
    FarEndFactory,
    FilterFactory,
    Registry,
    ResamplerFactory,
    SinkFactory,
    SourceFactory,
    StoreFactory,
    TransportFactory,
)
from offhook.plugin.report import BUILT_IN, PluginReport, left_out
from offhook.plugin.spec import Spec
from offhook.wording import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from offhook.plugin.distributions import Distributions, Unreadable


__all__ = ["DISABLE_VARIABLE", "PLUGINS_LOGGER", "PluginReport", "Plugins"]

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")

_log: Final = logging.getLogger(PLUGINS_LOGGER)


#: Parts of messages about arguments that are specs or paths.
_SPEC: Final = "a spec such as "
_OR_PATH: Final = " or a pathlib.Path"


def _objects(given: object, name: str) -> tuple[object, ...]:
    """Plugins that a program passed."""
    objects = check_several(given, name, "a list of modules or objects with hooks")
    for item in objects:
        if item is None or isinstance(item, str | bytes | bool | int | float):
            guess = "Import the module, and pass it instead of its name" if isinstance(item, str) else ""
            raise wrong(f"each of {name}", "a module or an object with hooks", item, guess)
    return objects


def _made_already(what: object, verb: str) -> str:
    """The guess for a part or a function where the spec of a part is wanted."""
    if isinstance(what, AudioSource | AudioSink):
        return f"It is open already: pass it to call.{verb}()"
    return "Pass the function to call.listen() itself" if verb == "listen" and callable(what) else ""


def _settings(environment: Mapping[str, str] | None) -> Environment:
    """`environment` as factories receive it; the process's own by default."""
    if environment is None:
        return Environment.of_process()
    return environment if isinstance(environment, Environment) else Environment(environment)


class Plugins:
    """The loaded plugins, and one registry for each kind of thing they add."""

    def __init__(self, *, commands: bool = False) -> None:
        check_flag(commands, "commands")
        #: Messages about the settings and the installation, rather than about one plugin.
        self.notes: list[str] = []
        #: The installed distributions that cannot be read. None of our plugins need be among them.
        self.unreadable: list[Unreadable] = []
        self._distributions: Distributions | None = None
        self.auth: Registry[AuthFactory] = Registry("auth", "offhook_auth", Auth)
        self.carriers: Registry[CarrierFactory] = Registry("carrier", "offhook_carrier", Carrier)
        self.transports: Registry[TransportFactory] = Registry("transport", "offhook_transport", Transport)
        self.sources: Registry[SourceFactory] = Registry("audio source", "offhook_audio_source", AudioSource)
        self.sinks: Registry[SinkFactory] = Registry("audio sink", "offhook_audio_sink", AudioSink)
        self.filters: Registry[FilterFactory] = Registry("audio filter", "offhook_audio_filter", AudioFilter)
        self.resamplers: Registry[ResamplerFactory] = Registry("resampler", "offhook_resampler", Resampler)
        self.stores: Registry[StoreFactory] = Registry("store", "offhook_store", Store)
        self.archives: Registry[ArchiveFactory] = Registry("archive", "offhook_archive", Archive)
        self.far_ends: Registry[FarEndFactory] = Registry("far end", "offhook_far_end")
        self.commands: Registry[Command] = Registry("command", "offhook_command")
        self.diagnosis: Registry[DiagnosisCheck] = Registry("check", "offhook_diagnosis")
        only_commands = (self.commands, self.diagnosis)
        asked = [registry for registry in self.registries() if commands or registry not in only_commands]
        self._loader = Loader(asked)
        #: Calls the hooks that decide about calls and observe them.
        self.hooks: Hooks = Hooks(self._loader)
        self.reports: list[PluginReport] = self._loader.reports

    @classmethod
    def load(
        cls,
        extra: Iterable[object] = (),
        environment: Mapping[str, str] | None = None,
        *,
        commands: bool = False,
        builtin: Iterable[object] = (),
        beside: Plugins | None = None,
    ) -> Plugins:
        """Load `builtin`, then the plugins of installed distributions, then `extra`.

        Args:
            extra: modules or objects with `hookimpl` functions, beside the installed ones.
            environment: where `OFFHOOK_DISABLE_PLUGINS` is looked up; the process's own by default.
            commands: whether to call the hooks of the command line as well: commands and checks of `offhook doctor`.
            builtin: plugin objects that are part of the caller, such as the commands of `offhook` itself. They are
                loaded first, so that a plugin cannot take a name of theirs; they cannot be disabled.
            beside: plugins that this program has loaded before: what is installed is taken from them, and not read
                again.

        Raises:
            ConfigError: an argument is of the wrong type.
            PluginError: one of `extra` or `builtin` cannot be used. An installed plugin that cannot be used is left
                out and reported.
        """
        extra, builtin = _objects(extra, "plugins"), _objects(builtin, "builtin")
        plugins = cls(commands=commands)
        if beside is not None:
            check_instance(beside, "beside", Plugins, "what Plugins.load() returned")
        found = installed(_settings(environment), None if beside is None else beside._distributions)
        plugins._distributions = found.distributions
        plugins.notes, plugins.unreadable = found.notes, found.distributions.unreadable
        for plugin in builtin:
            plugins._loader.given(plugin, BUILT_IN)
        for point, report in found.plugins:
            plugins._loader.installed(point, report)
        for plugin in extra:
            plugins._loader.given(plugin)
        for note in plugins.complaints:
            _log.warning("%s", note)
        return plugins

    def registries(self) -> tuple[Registry[Any], ...]:
        """All registries; typed with Any, since the loops over them do not call the factories."""
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
            self.diagnosis,
        )

    @property
    def complaints(self) -> list[str]:
        """A message for each problem of a plugin that is not disabled, of the settings, and for each distribution that
        cannot be read and may hold plugins."""
        found = [f"plugin {report.label} was left out: {report.problem}" for report in self.problems]
        found += [f"plugin {report.label}: {note}" for report in self.reports for note in report.notes]
        return found + self.notes + self._unread

    @property
    def _unread(self) -> list[str]:
        return [str(item) for item in self.unreadable if item.may_hold_plugins]

    @property
    def problems(self) -> list[PluginReport]:
        """The plugins that were left out because they failed, without those that are disabled."""
        return [report for report in self.reports if report.problem and not report.disabled]

    def check_required(self, environment: Mapping[str, str] | None) -> None:
        """Check that the plugins that `OFFHOOK_REQUIRE_PLUGINS` names are loaded.

        An installed plugin that fails is left out; if it was to decide which numbers may be dialled, its rule would be
        missing too.

        Raises:
            ConfigError: one of them is not loaded; the message says why. Or `environment` is not a mapping of text.
        """
        required = [name.strip() for name in _settings(environment).as_written(REQUIRE_VARIABLE).split(",")]
        for name in filter(None, required):
            named = [report for report in self.reports if report.name == name]
            if not any(not report.problem for report in named):
                absent = "; ".join(["no plugin has that name", *self._unread, "see: offhook plugins"])
                why = "; ".join(report.problem for report in named) or absent
                raise ConfigError(f"{REQUIRE_VARIABLE} names {quoted(name)}, which is not loaded: {why}")

    def source(self, what: str | os.PathLike[str]) -> AudioSource:
        """Open the audio source that a spec names, or the audio file at a path (`pathlib.Path`).

        Raises:
            SpecError, MissingExtraError, SourceError: no source has that name, or it cannot be opened.
            ConfigError: `what` is neither text nor a path.
        """
        if not isinstance(what, str | os.PathLike):  # pyright: ignore[reportUnnecessaryIsInstance] - programs may pass anything
            raise wrong("source()", f"{_SPEC}'wav:greeting.wav'{_OR_PATH}", what, _made_already(what, "play"))
        spec = Spec.of(what, "wav")
        return self.make(self.sources, spec.name, spec.argument)

    def sink(self, what: str | os.PathLike[str]) -> AudioSink:
        """Open the audio sink that a spec names, or the recording at a path (`pathlib.Path`).

        Raises:
            SpecError, MissingExtraError, StorageError: no part has that name, or it cannot be opened.
            ConfigError: `what` is neither text nor a path.
        """
        if not isinstance(what, str | os.PathLike):  # pyright: ignore[reportUnnecessaryIsInstance] - programs may pass anything
            raise wrong("sink()", f"{_SPEC}'recorder:heard.wav'{_OR_PATH}", what, _made_already(what, "listen"))
        spec = Spec.of(what, "recorder")
        return self.make(self.sinks, spec.name, spec.argument)

    def filter(self, text: str, rate_hz: int) -> AudioFilter:
        """Make the audio filter that the spec `text` names, for audio at `rate_hz`.

        Raises:
            SpecError, MissingExtraError: no filter has that name, or it cannot be made.
            ConfigError: `text` is not text, or `rate_hz` is not a rate.
        """
        check_rate(rate_hz)
        spec = Spec.parse(text)
        return self.make(self.filters, spec.name, spec.argument, rate_hz)

    def store(self, what: str | os.PathLike[str], environment: Mapping[str, str] | None = None) -> Store:
        """Open the store that a spec names, or the SQLite database at a path (`pathlib.Path`).

        Args:
            what: the spec or the path.
            environment: the settings; the process's own by default.

        Raises:
            SpecError, MissingExtraError, StorageError: no part has that name, or it cannot be opened.
            ConfigError: an argument is of the wrong type.
        """
        spec = Spec.of(what, "sqlite")
        return self.make(self.stores, spec.name, spec.argument, _settings(environment))

    def archive(self, what: str | os.PathLike[str], environment: Mapping[str, str] | None = None) -> Archive:
        """Open what the store of a spec or a path has written, for reading only; it creates and changes nothing.

        Raises:
            SpecError, MissingExtraError, StorageError: no archive has that name, or it cannot be read.
            ConfigError: an argument is of the wrong type.
        """
        spec = Spec.of(what, "sqlite")
        if all(item.name != spec.name for item in self.archives) and any(
            item.name == spec.name for item in self.stores
        ):
            known = ", ".join(sorted(item.name for item in self.archives)) or "none"
            raise SpecError(f"the store {spec.name!r} can be written but not read (stores that can be read: {known})")
        return self.make(self.archives, spec.name, spec.argument, _settings(environment))

    def resampler(self, kind: str, from_hz: int, to_hz: int) -> Resampler:
        """Make a resampler from one rate to another; `kind` is ``live`` (little delay) or ``file`` (best quality).

        Raises:
            SpecError, MissingExtraError: no such resampler is installed.
            ConfigError: `kind` is not text, or a rate is not a rate.
        """
        check_rate(from_hz, "from_hz")
        check_rate(to_hz, "to_hz")
        return self.make(self.resamplers, kind, from_hz, to_hz)

    def make(self, registry: Registry[Callable[[Unpack[_Ts]], _T]], name: str, *arguments: *_Ts) -> _T:
        """Call the factory called `name`.

        Raises:
            SpecError, MissingExtraError: there is no such factory, or something that it needs is not installed.
            PluginError: it raised something that is not an `OffhookError`, or returned something that does not fit the
                registry's interface.
        """
        check_instance(registry, "registry", Registry, "a registry, for example plugins.sources")
        try:
            factory = registry.find(name)
        except SpecError as error:
            raise SpecError(f"{error.message}{left_out(self.reports, self._unread)}") from None
        plugin = registry.plugin_of(name)
        try:
            with quarantine(functools.partial(self._note, plugin)):
                product = factory(*arguments)
        except OffhookError:
            raise
        except BaseException as error:
            raise as_plugin_error(plugin, registry.factory_of(name), error) from error
        registry.check(name, product)
        return product

    def _note(self, plugin: str, note: str) -> None:
        for report in self.reports:
            if report.label == plugin:
                report.notes.append(note)
        _log.warning("plugin %s: %s", plugin, note)
