"""offhook's own checks of an installation: what is wrong with it, and what to do.

They only look, and change nothing. Settings are shown by name alone: a value may be a key.
"""

from __future__ import annotations

import platform
import ssl
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import offhook
from offhook.call.phone import AUTH, AUTH_VARIABLE, CARRIER, CARRIER_VARIABLE, TRANSPORT_VARIABLE
from offhook.cli.doctor.load import load_findings
from offhook.cli.doctor.settings import home_findings, settings_findings
from offhook.cli.event_loop import describe_loop
from offhook.errors import OffhookError
from offhook.interfaces.diagnosis import Finding, Level
from offhook.plugin.discovery import GROUP, OURS
from offhook.plugin.distributions import read_distributions
from offhook.plugin.isolation import as_plugin_error
from offhook.plugin.quarantine import TLS_REPLACED
from offhook.plugin.registry import RESAMPLERS
from offhook.plugin.report import NO_HOOK
from offhook.plugin.spec import Spec, named_by
from offhook.records.stores import NO_STORE, STORE_VARIABLE, usual_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from offhook.interfaces.environment import Environment
    from offhook.plugin.distributions import Installed
    from offhook.plugin.manager import Plugins
    from offhook.plugin.registry import Registry


def _machine(_: Plugins, __: Environment) -> Iterator[Finding]:
    yield Finding(Level.FINE, "offhook", f"{offhook.__version__} in {Path(offhook.__file__).parent}")
    yield Finding(Level.FINE, "python", f"{platform.python_version()} at {sys.executable}")
    supported = sys.platform in ("linux", "darwin")
    advice = "" if supported else ": only Linux and macOS are supported"
    yield Finding(Level.FINE if supported else Level.WRONG, "platform", f"{platform.platform()}{advice}")
    yield Finding(Level.FINE, "event loop", describe_loop())
    hook = getattr(ssl, "_create_default_https_context", None)
    if hook is not ssl.create_default_context:
        text = "ssl._create_default_https_context is not Python's own: urllib may check no certificates in this process"
        yield Finding(Level.WRONG, "tls", text)


@dataclass(frozen=True, slots=True)
class Shadowed:
    """Two copies of a distribution are installed: Python uses the first on its path.

    Attributes:
        distribution: its name.
        used, unused: version and folder of each.
    """

    distribution: str
    used: str
    unused: str


def shadowed() -> list[Shadowed]:
    """Return the distributions with plugins, and offhook itself, that are installed more than once."""
    first: dict[str, Installed] = {}
    found: list[Shadowed] = []
    for distribution in read_distributions(GROUP).readable:
        if distribution.key != OURS and all(point.group != GROUP for point in distribution.points):
            continue
        used = first.setdefault(distribution.key, distribution)
        copies = (_where(used), _where(distribution))
        if copies[0] != copies[1]:
            found.append(Shadowed(distribution.name, *copies))
    return found


def _where(distribution: Installed) -> str:
    """Return version and folder. A folder that the path lists twice is resolved, so that it counts as one copy."""
    return f"{distribution.version} in {distribution.folder.resolve()}"


def _distributions(plugins: Plugins, _: Environment) -> Iterator[Finding]:
    for item in plugins.unreadable:
        text = f"it cannot be read and was left out: {item.reason}. Remove or reinstall it"
        yield Finding(Level.WRONG, f"distribution {item.where}", text)
    for copy in shadowed():
        text = f"installed twice: {copy.used} is in use, {copy.unused} is not. Uninstall one of them"
        yield Finding(Level.WRONG, f"distribution {copy.distribution}", text)


def _plugins(plugins: Plugins, environment: Environment) -> Iterator[Finding]:
    for report in plugins.reports:
        subject = f"plugin {report.label}"
        if report.disabled:
            yield Finding(Level.NOTE, subject, report.problem)
        elif report.problem:
            yield Finding(Level.WRONG, subject, f"left out: {report.problem}", tuple(report.traceback))
        else:
            yield Finding(
                Level.FINE, subject, f"{report.module} ({report.origin}): {', '.join(report.hooks) or 'no hooks'}"
            )
        for note in report.notes:
            misspelt = NO_HOOK in note and "did you mean" in note  # the hook would never be called
            yield Finding(Level.WRONG if note == TLS_REPLACED or misspelt else Level.NOTE, subject, note)
    for note in plugins.notes:
        yield Finding(Level.WRONG, "plugins", note)
    try:
        plugins.check_required(environment)
    except OffhookError as error:
        yield Finding(Level.WRONG, "plugins", error.message)


def _hooks(plugins: Plugins, _: Environment) -> Iterator[Finding]:
    for hook, labels in sorted(plugins.hooks.order().items()):
        if len(labels) > 1:
            yield Finding(Level.FINE, f"hook {hook}", f"called in this order: {', '.join(labels)}")


def _packages(plugins: Plugins, _: Environment) -> Iterator[Finding]:
    for registry in plugins.registries():
        for item in registry:
            if item.missing:
                text = f"lacks {', '.join(item.missing)}: {item.cure}"
                yield Finding(Level.NOTE, f"{registry.kind} {item.name}", text)


def _settings(_: Plugins, environment: Environment) -> Iterator[Finding]:
    return settings_findings(environment)


def _home(_: Plugins, environment: Environment) -> Iterator[Finding]:
    return home_findings(environment)


def _store(plugins: Plugins, environment: Environment) -> Iterator[Finding]:
    text = usual_store(environment)
    if text == NO_STORE:
        yield Finding(Level.FINE, "store", f"{STORE_VARIABLE} is none: no calls are stored")
        return
    plugin = ""
    try:
        with named_by(STORE_VARIABLE, environment, text):
            name = Spec.parse(text).name
            plugins.stores.find(name)
        if all(item.name != name for item in plugins.archives):
            yield Finding(Level.NOTE, "store", f"{name}: it can be written, but not read again")
            return
        plugin = plugins.archives.plugin_of(name)
        archive = plugins.archive(text, environment)
        try:
            calls = len(archive.records(1))
        finally:
            archive.close()
    except BaseException as error:
        yield Finding(Level.WRONG, "store", as_plugin_error(plugin, "archive", error).message)
        return
    yield Finding(Level.FINE, "store", f"{name}: it can be read" + ("" if calls else ", and holds no calls yet"))


def _parts(plugins: Plugins, environment: Environment) -> Iterator[Finding]:
    transport = environment.get(TRANSPORT_VARIABLE)
    if transport:
        yield _part(plugins.transports, TRANSPORT_VARIABLE, transport, environment)
    else:
        text = f"{TRANSPORT_VARIABLE} is not set: aiortc where the endpoint is this machine, agora everywhere else"
        yield Finding(Level.FINE, "transport", text)
    yield _part(plugins.carriers, CARRIER_VARIABLE, environment.get(CARRIER_VARIABLE) or CARRIER, environment)
    yield _part(plugins.auth, AUTH_VARIABLE, environment.get(AUTH_VARIABLE) or AUTH, environment)


def _resamplers(plugins: Plugins, _: Environment) -> Iterator[Finding]:
    names = {item.name for item in plugins.resamplers}
    for name in RESAMPLERS:
        if name not in names:
            text = (
                f"no plugin adds {name!r}: audio at another rate than the call's cannot be played. offhook's own "
                "resamplers are in its plugin audio: do not disable it"
            )
            yield Finding(Level.WRONG, "resampler", text)


def _part(registry: Registry[Any], variable: str, name: str, environment: Environment) -> Finding:
    """Look a part up. A name from a setting must be found; a default may be missing, since it may not be needed."""
    try:
        with named_by(variable, environment, name):
            registry.find(name)
    except OffhookError as error:
        level = Level.WRONG if environment.get(variable) else Level.NOTE
        return Finding(level, registry.kind, error.message)
    return Finding(Level.FINE, registry.kind, f"{name}, from plugin {registry.plugin_of(name)}")


def _load(_: Plugins, __: Environment) -> Iterator[Finding]:
    return load_findings()


#: The check of each name in `added.SUMMARIES`.
CHECKS: Final[Mapping[str, Callable[[Plugins, Environment], Iterator[Finding]]]] = {
    "machine": _machine,
    "distributions": _distributions,
    "plugins": _plugins,
    "hooks": _hooks,
    "packages": _packages,
    "settings": _settings,
    "home": _home,
    "store": _store,
    "parts": _parts,
    "resamplers": _resamplers,
    "load": _load,
}
