"""Finds out what is wrong with an installation: what `offhook doctor` prints and a bug report needs.

It looks and changes nothing. Settings are told by their names alone: a value may be a key.
"""

from __future__ import annotations

import os
import platform
import ssl
import sys
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import offhook
from offhook.call.phone import AUTH, AUTH_VARIABLE, CARRIER, CARRIER_VARIABLE, TRANSPORT_VARIABLE
from offhook.errors import OffhookError
from offhook.plugin.discovery import shadowed
from offhook.plugin.isolation import as_plugin_error
from offhook.plugin.quarantine import TLS_REPLACED
from offhook.plugin.registry import RESAMPLERS
from offhook.plugin.report import NO_HOOK
from offhook.plugin.spec import Spec, named_by
from offhook.records.home import home
from offhook.records.stores import NO_STORE, STORE_VARIABLE, usual_store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from offhook.plugin.manager import Plugins
    from offhook.plugin.registry import Registry


class Level(Enum):
    """How bad a finding is."""

    #: As it should be.
    FINE = "fine"
    #: Worth knowing; nothing has to be done about it.
    NOTE = "note"
    #: Something does not work, or not as it was meant.
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        topic: what was looked at.
        level: how bad it is.
        text: what was found, and what to do about it.
        lines: more of it, such as the end of a traceback.
    """

    topic: str
    level: Level
    text: str
    lines: tuple[str, ...] = ()


def diagnose(plugins: Plugins, environment: Mapping[str, str]) -> list[Finding]:
    """Look at everything.

    Args:
        plugins: what is installed, loaded as the command line loads it.
        environment: the settings.
    """
    found = [*_machine(), *_copies(), *_plugins(plugins, environment), *_hooks(plugins), *_lacking(plugins)]
    return [
        *found,
        *_settings(environment),
        *_home(environment),
        *_store(plugins, environment),
        *_parts(plugins, environment),
        *_resamplers(plugins),
    ]


def _machine() -> Iterator[Finding]:
    yield Finding("offhook", Level.FINE, f"{offhook.__version__} in {Path(offhook.__file__).parent}")
    yield Finding("python", Level.FINE, f"{platform.python_version()} at {sys.executable}")
    supported = sys.platform in ("linux", "darwin")
    advice = "" if supported else ": only Linux and macOS are supported"
    yield Finding("platform", Level.FINE if supported else Level.WRONG, f"{platform.platform()}{advice}")
    hook = getattr(ssl, "_create_default_https_context", None)
    if hook is not ssl.create_default_context:
        text = "ssl._create_default_https_context is not Python's own: urllib may check no certificates in this process"
        yield Finding("tls", Level.WRONG, text)


def _copies() -> Iterator[Finding]:
    for copy in shadowed():
        text = f"installed twice: {copy.used} is in use, {copy.unused} is not. Uninstall one of them"
        yield Finding(f"distribution {copy.distribution}", Level.WRONG, text)


def _plugins(plugins: Plugins, environment: Mapping[str, str]) -> Iterator[Finding]:
    for report in plugins.reports:
        topic = f"plugin {report.label}"
        if report.disabled:
            yield Finding(topic, Level.NOTE, report.problem)
        elif report.problem:
            yield Finding(topic, Level.WRONG, f"left out: {report.problem}", tuple(report.traceback))
        else:
            yield Finding(
                topic, Level.FINE, f"{report.module} ({report.origin}): {', '.join(report.hooks) or 'no hook'}"
            )
        for note in report.notes:
            misspelt = NO_HOOK in note and "did you mean" in note  # such a rule would never be asked
            yield Finding(topic, Level.WRONG if note == TLS_REPLACED or misspelt else Level.NOTE, note)
    for note in plugins.notes:
        yield Finding("plugins", Level.WRONG, note)
    try:
        plugins.check_required(environment)
    except OffhookError as error:
        yield Finding("plugins", Level.WRONG, error.message)


def _hooks(plugins: Plugins) -> Iterator[Finding]:
    for hook, labels in sorted(plugins.hooks.order().items()):
        if len(labels) > 1:
            yield Finding(f"hook {hook}", Level.FINE, f"answered in this order by {', '.join(labels)}")


def _lacking(plugins: Plugins) -> Iterator[Finding]:
    for registry in plugins.registries():
        for item in registry:
            if item.missing:
                text = f"lacks {', '.join(item.missing)}: {item.cure}"
                yield Finding(f"{registry.kind} {item.name}", Level.NOTE, text)


def _settings(environment: Mapping[str, str]) -> Iterator[Finding]:
    names = sorted(name for name in environment if name.startswith(("OFFHOOK_", "SENDBLUE_")))
    empty = [name for name in names if not environment[name]]
    yield Finding("settings", Level.FINE, f"set: {', '.join(name for name in names if name not in empty) or 'none'}")
    if empty:
        yield Finding("settings", Level.NOTE, f"set to nothing, which counts as not set: {', '.join(empty)}")


def _home(environment: Mapping[str, str]) -> Iterator[Finding]:
    folder = home(environment)
    if _can_be_written(folder):
        yield Finding("home", Level.FINE, f"{folder} can be written")
    else:
        wanted = usual_store(environment) != NO_STORE
        text = f"{folder} cannot be written: set OFFHOOK_HOME to a folder of yours"
        yield Finding("home", Level.WRONG if wanted else Level.NOTE, text)


def _can_be_written(folder: Path) -> bool:
    """Whether it is a folder where files can be made, or could be made one."""
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def _store(plugins: Plugins, environment: Mapping[str, str]) -> Iterator[Finding]:
    text = usual_store(environment)
    if text == NO_STORE:
        yield Finding("store", Level.FINE, f"{STORE_VARIABLE} is none: no calls are kept")
        return
    plugin = ""
    try:
        with named_by(STORE_VARIABLE, environment, text):
            name = Spec.parse(text).name
            plugins.stores.find(name)
        if all(item.name != name for item in plugins.archives):
            yield Finding("store", Level.NOTE, f"{name}: it can be written and not read again")
            return
        plugin = plugins.archives.plugin_of(name)
        archive = plugins.archive(text, environment)
        try:
            calls = len(archive.records(1))
        finally:
            archive.close()
    except BaseException as error:
        yield Finding("store", Level.WRONG, as_plugin_error(plugin, "archive", error).message)
        return
    yield Finding("store", Level.FINE, f"{name}: it can be read" + ("" if calls else ", and holds no calls yet"))


def _parts(plugins: Plugins, environment: Mapping[str, str]) -> Iterator[Finding]:
    transport = environment.get(TRANSPORT_VARIABLE)
    if transport:
        yield _part(plugins.transports, TRANSPORT_VARIABLE, transport, environment)
    else:
        text = f"{TRANSPORT_VARIABLE} is not set: aiortc where the endpoint is this machine, agora everywhere else"
        yield Finding("transport", Level.FINE, text)
    yield _part(plugins.carriers, CARRIER_VARIABLE, environment.get(CARRIER_VARIABLE) or CARRIER, environment)
    yield _part(plugins.auth, AUTH_VARIABLE, environment.get(AUTH_VARIABLE) or AUTH, environment)


def _resamplers(plugins: Plugins) -> Iterator[Finding]:
    """Packages that one of them lacks were told already."""
    names = {item.name for item in plugins.resamplers}
    for name in RESAMPLERS:
        if name not in names:
            text = (
                f"no plugin adds {name!r}: what has another rate than the call's cannot be played. offhook's own are "
                "in the plugin audio: do not switch it off"
            )
            yield Finding("resampler", Level.WRONG, text)


def _part(registry: Registry[Any], variable: str, name: str, environment: Mapping[str, str]) -> Finding:
    """What is wrong with a name: a setting's is wrong, a default that is not there may not be wanted."""
    try:
        with named_by(variable, environment, name):
            registry.find(name)
    except OffhookError as error:
        level = Level.WRONG if environment.get(variable) else Level.NOTE
        return Finding(registry.kind, level, error.message)
    return Finding(registry.kind, Level.FINE, f"{name}, from plugin {registry.plugin_of(name)}")
