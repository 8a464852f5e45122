"""Checks the spec of an audio source in the verb that names it, without reading any audio."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.errors import ConfigError, OffhookError

if TYPE_CHECKING:
    from offhook.plugin import Plugins

#: Sources that make their audio themselves, so that one can be opened and dropped; others hold a file or a device.
_OPENED: Final = frozenset({"marker", "silence", "tone"})


def check_spec(plugins: Plugins, spec: str) -> None:
    """Check that there is a source with the name of a spec, and, for those that only calculate, its argument as well.

    Raises:
        ConfigError: the spec is wrong.
    """
    name = spec.partition(":")[0]
    try:
        if name in _OPENED:
            plugins.source(spec)
        else:
            plugins.sources.find(name)
    except OffhookError as error:
        raise ConfigError(error.message) from None
