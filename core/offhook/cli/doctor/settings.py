"""What is wrong with the settings as they are written: names that nothing reads, values, relative paths."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final

from offhook.call.phone import AUTH_VARIABLE, CARRIER_VARIABLE, TRANSPORT_VARIABLE
from offhook.errors import ConfigError
from offhook.interfaces.diagnosis import Finding, Level
from offhook.interfaces.environment import PREFIXES, Environment
from offhook.paths import obstacle
from offhook.plugin.discovery import DISABLE_VARIABLE, REQUIRE_VARIABLE
from offhook.records.home import HOME_VARIABLE, home
from offhook.records.stores import NO_STORE, STORE_VARIABLE, usual_store

if TYPE_CHECKING:
    from collections.abc import Iterator


#: Those of the core, then those of the plugins that come with offhook.
KNOWN: Final = (
    *(CARRIER_VARIABLE, AUTH_VARIABLE, TRANSPORT_VARIABLE, STORE_VARIABLE, HOME_VARIABLE),
    *(DISABLE_VARIABLE, REQUIRE_VARIABLE),
    *("OFFHOOK_FROM_NUMBER", "OFFHOOK_RELAY_URL", "OFFHOOK_ONLY_LOOPBACK", "OFFHOOK_LIVE"),
    *("OFFHOOK_AGORA_SDK", "OFFHOOK_AGORA_PROCESS", "OFFHOOK_AGORA_CALLS_PER_CHILD", "OFFHOOK_AGORA_SCENARIO"),
    *("OFFHOOK_AGORA_LEAD_MS", "OFFHOOK_AGORA_RATE_HZ", "OFFHOOK_MOCK_FILE", "OFFHOOK_MOCK_TOKEN"),
    *("SENDBLUE_API_BASE_URL", "SENDBLUE_API_API_KEY", "SENDBLUE_API_API_SECRET"),
)
#: What Sendblue's own SDK and command line read, and offhook does not.
_OF_SENDBLUE: Final = ("SENDBLUE_API_CUSTOM_HEADERS", "SENDBLUE_API_LOG", "SENDBLUE_API_BASE", "SENDBLUE_SETUP_BASE")
#: How like a setting the rest of a name must be that begins as settings do, and a whole name that does not.
_LIKE_REST: Final = 0.5
_LIKE_WHOLE: Final = 0.88


def settings_findings(environment: Environment) -> Iterator[Finding]:
    """Yield which settings are set, by name, and which of them have no effect or a wrong value."""
    names = sorted(name for name in environment if name.startswith(PREFIXES))
    wrong = [name for name in names if environment.problem_with(name)]
    empty = [name for name in names if not environment.as_written(name)]
    yield Finding(Level.FINE, "settings", f"set: {', '.join(name for name in names if name not in empty) or 'none'}")
    if empty:
        yield Finding(Level.NOTE, "settings", f"empty, which counts as not set: {', '.join(empty)}")
    for name in wrong:
        yield Finding(Level.WRONG, "settings", environment.problem_with(name))
    for name in sorted(environment):
        meant = meant_by(name)
        if meant:
            yield Finding(Level.WRONG, "settings", f"{name} is not a setting and has no effect; did you mean {meant}?")
        elif name in names and name not in (*KNOWN, *_OF_SENDBLUE):
            yield Finding(Level.NOTE, "settings", f"{name} is not a setting of offhook's own; a plugin may read it")


def meant_by(name: str) -> str:
    """Return the setting that a name was probably meant to be; empty if it is one, or is like none."""
    if name in KNOWN or name in _OF_SENDBLUE:
        return ""
    upper = name.upper()
    for prefix in PREFIXES:
        if upper.startswith(prefix):
            rests = {known.removeprefix(prefix): known for known in KNOWN if known.startswith(prefix)}
            close = difflib.get_close_matches(upper.removeprefix(prefix), rests, 1, _LIKE_REST)
            return rests[close[0]] if close else ""
    return next(iter(difflib.get_close_matches(upper, KNOWN, 1, _LIKE_WHOLE)), "")


def home_findings(environment: Environment) -> Iterator[Finding]:
    """Yield whether the folder for records can be written, and whether it is the same folder everywhere."""
    level = Level.WRONG if usual_store(environment) != NO_STORE else Level.NOTE
    try:
        folder = home(environment)
    except ConfigError as error:
        yield Finding(level, "home", error.message)
        return
    problem = obstacle(folder)
    if problem:
        text = f"no records can be written: {problem}. Set {HOME_VARIABLE} to a folder that you can write to"
        yield Finding(level, "home", text)
    elif not folder.is_absolute():
        text = f"{HOME_VARIABLE} is a relative path, so each folder that offhook is run in has other records"
        yield Finding(level, "home", f"{text}: write the whole path, or begin it with ~")
    else:
        yield Finding(Level.FINE, "home", f"{folder} can be written")
    name, _, path = usual_store(environment).partition(":")
    if name in ("sqlite", "jsonl") and path and not path.startswith(("/", "~")):
        text = f"{STORE_VARIABLE} has a relative path, so each folder that offhook is run in has other records"
        yield Finding(Level.NOTE, "store", text)
