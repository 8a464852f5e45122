"""Looking up a plugin by its registered name, or by the import path of its factory, and making a kit for it."""

from __future__ import annotations

import contextlib
import functools
import importlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from offhook.errors import ConfigError, OffhookError
from offhook.interfaces import AudioFilter, AudioSink, AudioSource, Auth, Carrier, Resampler, Store, Transport
from offhook.interfaces.far_end import ChannelFarEnd, ServiceFarEnd
from offhook.plugin.discovery import is_installed
from offhook.plugin.manager import Plugins
from offhook.secret import redact
from offhook.testing.conformance.auth import AuthConformance
from offhook.testing.conformance.clause import tests_of
from offhook.testing.conformance.expected import read_expected
from offhook.testing.conformance.kits import KITS
from offhook.testing.conformance.settings import with_settings
from offhook.wording import nearest_name, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from offhook.interfaces import Archive
    from offhook.interfaces.environment import Environment
    from offhook.interfaces.far_end import FarEnd
    from offhook.plugin.registry import Registry
    from offhook.testing.conformance.kit import Conformance


_PATH: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")
#: Kinds whose factories take the argument of a spec.
_KINDS_WITH_ARGUMENT: Final = frozenset({"source", "sink", "filter", "store"})
#: Kinds that are tested with a far end, which decides between virtual and real time.
_KINDS_WITH_FAR_END: Final[Mapping[str, type[object]]] = {"carrier": ServiceFarEnd, "transport": ChannelFarEnd}
#: The time limit of a clause in real time.
_CLAUSE_TIMEOUT_S: Final = 60.0

_INTERFACES: Final[Mapping[str, type[object]]] = {
    "auth": Auth,
    "carrier": Carrier,
    "transport": Transport,
    "source": AudioSource,
    "sink": AudioSink,
    "filter": AudioFilter,
    "resampler": Resampler,
    "store": Store,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to test, as given on the command line.

    Attributes:
        kind: the kind of plugin, as in `KITS`.
        what: a registered name or spec, or an import path ``pkg.module:factory``; registered names are tried first.
        far_end: the name of a far end; by default the one registered under the name of the plugin.
        argument: for an import path, the argument that a spec would have.
        host: for an auth, the host to request headers for; by default the host of the kit.
        foreign_host: for an auth, a host that must not get the keys; empty to skip that clause.
        not_claimed: capabilities that are not claimed.
        expected: the file of expected failures, or None.
        settings: further settings for a carrier or a transport, as ``NAME=VALUE``; ``{OTHER}`` in a value becomes the
            far end's setting of that name.
    """

    kind: str
    what: str
    far_end: str = ""
    argument: str = ""
    host: str = ""
    foreign_host: str = ""
    not_claimed: tuple[str, ...] = ()
    expected: Path | None = None
    settings: tuple[str, ...] = ()


def find_kit(wanted: Wanted, plugins: Plugins, environment: Mapping[str, str]) -> type[Conformance]:
    """Return a kit for a plugin, after making the plugin once to see whether that works.

    Args:
        wanted: what to test.
        plugins: the plugins among which names are looked up.
        environment: the settings of the shell. An auth is made with these; a carrier, a transport or a store with these
            and, where they differ, with those of its far end or its kit.

    Raises:
        ConfigError: the plugin does not exist, cannot be made, or cannot be tested this way.
    """
    base = KITS.get(wanted.kind)
    if base is None:
        raise ConfigError(f"{quoted(wanted.kind)} plugins do not have a kit: give one of {', '.join(KITS)}")
    if wanted.settings and wanted.kind not in _KINDS_WITH_FAR_END:
        raise ConfigError(f"--setting is for a carrier or a transport: {quoted(wanted.what)} has the shell's settings")
    if wanted.kind != "auth" and (wanted.host or wanted.foreign_host):
        raise ConfigError(f"--host and --foreign-host are for an auth, but {quoted(wanted.what)} is a {wanted.kind}")
    name, argument, factory = _find_factory(wanted, plugins)
    attributes: dict[str, object] = {"make": functools.partialmethod(_make, wanted, name, factory, environment)}
    if wanted.kind in _KINDS_WITH_FAR_END:
        attributes["make_far_end"] = _far_end(wanted, name, plugins)
    else:
        attributes |= {"virtual_time": False, "clause_timeout_s": _CLAUSE_TIMEOUT_S}
    if wanted.kind in _KINDS_WITH_ARGUMENT:
        attributes["argument"] = argument
    attributes |= _attributes(wanted, name, argument, plugins, environment)
    attributes["not_claimed"] = _not_claimed(wanted, name, base)
    if wanted.expected is not None:
        expected = read_expected(wanted.expected)  # may name clauses of other kinds as well
        clause_ids(base, tuple(id for id in expected if id.startswith(f"{wanted.kind}-")))
        attributes["expected_failures"] = expected
    kit: type[Conformance] = type(base.__name__, (base,), attributes)
    try:
        kit().run_try_out()
    except Exception as error:
        problem = str(error) if isinstance(error, OffhookError) else f"{type(error).__name__}: {error}"
        if isinstance(error, ConfigError) and wanted.kind in _KINDS_WITH_FAR_END:
            problem += f" ({_settings_of(kit(), wanted)})"
        if wanted.kind == "auth" and not wanted.host:
            problem += f" (requested the headers for {AuthConformance.host}; give another host with --host HOST)"
        raise ConfigError(f"the {wanted.kind} {quoted(wanted.what)} cannot be made: {redact(problem)}") from error
    return kit


def clause_ids(kit: type[Conformance], wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Return `wanted`, after checking that the kit has all of these clauses.

    Raises:
        ConfigError: the kit lacks one of these clauses.
    """
    known = [clause.id for clause, _ in tests_of(kit)]
    for id in wanted:
        if id not in known:
            raise ConfigError(f"{quoted(id)} is not a clause for a {kit.kind}: give {known[0]} to {known[-1]}")
    return wanted


def _make(
    kit: Conformance,
    wanted: Wanted,
    name: str,
    factory: Callable[..., object],
    shell: Mapping[str, str],
    *arguments: object,
) -> object:
    if wanted.kind != "auth":  # an auth has the settings of the shell already, and a clause takes them away
        arguments = tuple(with_settings(argument, shell, wanted.settings) for argument in arguments)
    beside: Sequence[object] = getattr(getattr(kit, "far_end", None), "plugins", ())
    if name and beside:
        loaded = Plugins.load(beside)
        factory = functools.partial(loaded.make, _registry(wanted.kind, loaded), name)
    made = factory(*arguments)
    interface = _INTERFACES[wanted.kind]
    if not isinstance(made, interface):
        raise ConfigError(f"the factory returned {type(made).__name__}, not an offhook.interfaces.{interface.__name__}")
    return made


class _WithFarEnd(Protocol):
    def make_far_end(self) -> FarEnd: ...


def _settings_of(kit: Conformance, wanted: Wanted) -> str:
    """Say with which settings a carrier or a transport is made, and how to add others."""
    far_end = cast("_WithFarEnd", kit).make_far_end()
    of_far_end = ", ".join(sorted(far_end.environment)) or "none"
    return (
        f"it is made with the settings of the shell and those of its far end: {of_far_end}; add others with --setting "
        "NAME=VALUE, where {OTHER} in VALUE is the far end's setting of that name"
    )


def _find_factory(wanted: Wanted, plugins: Plugins) -> tuple[str, str, Callable[..., object]]:
    """Return the registered name, or an empty string; the argument; and the factory."""
    registry = _registry(wanted.kind, plugins)
    head, colon, argument = wanted.what.partition(":")
    added = {item.name for item in registry}
    if head in added or _comes_with_far_end(wanted, head, plugins):
        if colon and wanted.kind not in _KINDS_WITH_ARGUMENT:
            raise ConfigError(f"{wanted.kind} {head} takes no argument: write just {head}")
        if wanted.argument:
            raise ConfigError(f"the argument of {head} belongs in the spec: write {head}:{wanted.argument}")
        if head in added:
            registry.find(head)
        return head, argument, functools.partial(plugins.make, registry, head)
    names = sorted(added)
    near = nearest_name(head, names)
    if near and not is_installed(head):
        raise ConfigError(f"no {registry.kind} is called {quoted(head)}{near}")
    unknown = f"no {registry.kind} is called {quoted(head)} (installed: {', '.join(names) or 'none'}), and"
    if not _PATH.fullmatch(wanted.what):
        raise ConfigError(f"{unknown} {quoted(wanted.what)} is not an import path: write pkg.module:factory")
    return "", wanted.argument, _imported(wanted.what, unknown)


def _comes_with_far_end(wanted: Wanted, name: str, plugins: Plugins) -> bool:
    """Whether the far end comes with a plugin that adds `name`; a mock's rooms come with their transport this way."""
    far_end = wanted.far_end or name
    if wanted.kind not in _KINDS_WITH_FAR_END or far_end not in {item.name for item in plugins.far_ends}:
        return False
    beside: Sequence[object] = getattr(plugins.make(plugins.far_ends, far_end), "plugins", ())
    return bool(beside) and name in {item.name for item in _registry(wanted.kind, Plugins.load(beside))}


def _imported(path: str, unknown: str) -> Callable[..., object]:
    module, _, names = path.partition(":")
    try:
        found: object = importlib.import_module(module)
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and f"{module}.".startswith(f"{error.name}."):
            raise ConfigError(
                f"{unknown} the module {error.name} does not exist: run this in the folder that contains it, or "
                "install it"
            ) from None
        raise ConfigError(f"importing {module} failed: {type(error).__name__}: {error}") from error
    for name in names.split("."):
        if not hasattr(found, name):
            raise ConfigError(f"{module} has no {names}: give the function, or the class, that makes the plugin")
        found = getattr(found, name)
    if not callable(found):
        raise ConfigError(f"{path} is {type(found).__name__}: give the function, or the class, that makes the plugin")
    return found


def _far_end(wanted: Wanted, name: str, plugins: Plugins) -> Callable[[object], object]:
    far_end = wanted.far_end or name
    if far_end not in {item.name for item in plugins.far_ends}:
        missing = f"no far end is called {quoted(far_end)}" if far_end else "an import path does not name one"
        raise ConfigError(
            f"a {wanted.kind} is tested with a far end, and {missing}: give --far-end NAME "
            f"({_fitting(wanted.kind, plugins)}), or write one, with the hook offhook_far_end "
            "(read: offhook docs conformance)"
        )
    if not isinstance(plugins.make(plugins.far_ends, far_end), _KINDS_WITH_FAR_END[wanted.kind]):
        raise ConfigError(
            f"the far end {quoted(far_end)} cannot test a {wanted.kind}: choose another with --far-end NAME "
            f"({_fitting(wanted.kind, plugins)})"
        )
    return lambda kit: plugins.make(plugins.far_ends, far_end)


def _fitting(kind: str, plugins: Plugins) -> str:
    """List the far ends for a kind. To find their kinds, this creates each far end, which opens nothing."""
    fitting: list[str] = []
    for item in plugins.far_ends:
        with contextlib.suppress(Exception):  # a far end that cannot be made cannot be used either
            if isinstance(plugins.make(plugins.far_ends, item.name), _KINDS_WITH_FAR_END[kind]):
                fitting.append(item.name)
    return f"for a {kind}: {', '.join(sorted(fitting)) or 'none is installed'}"


def _attributes(
    wanted: Wanted, name: str, argument: str, plugins: Plugins, environment: Mapping[str, str]
) -> dict[str, object]:
    """Attributes that only the kits of some kinds have."""
    if wanted.kind == "auth":
        hosts = {"host": wanted.host, "foreign_host": wanted.foreign_host}
        return {"variables": dict(environment), **{name: host for name, host in hosts.items() if host}}
    if wanted.kind == "sink" and argument.endswith(".wav"):
        return {"file": argument}
    if wanted.kind == "store" and name in {item.name for item in plugins.archives}:

        def make_archive(kit: object, argument: str, environment: Environment) -> Archive:
            return plugins.make(plugins.archives, name, argument, environment)

        return {"make_archive": make_archive}
    return {}


def _not_claimed(wanted: Wanted, name: str, base: type[Conformance]) -> dict[str, str]:
    for capability in wanted.not_claimed:
        if capability not in base.capabilities:
            raise ConfigError(
                f"{wanted.kind} plugins have no capability {quoted(capability)}; their capabilities are: "
                f"{', '.join(base.capabilities) or 'none'}"
            )
    reasons = dict.fromkeys(wanted.not_claimed, "not claimed on the command line")
    if wanted.kind == "resampler" and name == "file":
        reasons["little_delay"] = "the core uses file where quality matters and live where delay matters"
    return reasons


def _registry(kind: str, plugins: Plugins) -> Registry[Any]:
    registries: dict[str, Registry[Any]] = {
        "auth": plugins.auth,
        "carrier": plugins.carriers,
        "transport": plugins.transports,
        "source": plugins.sources,
        "sink": plugins.sinks,
        "filter": plugins.filters,
        "resampler": plugins.resamplers,
        "store": plugins.stores,
    }
    return registries[kind]
