"""Import paths of the last version: they work for one more version, and warn with the new path.

The table holds the paths that our documentation printed. All other names were internal.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # without importing typing: `offhook` imports this, see there
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType
    from typing import Final
else:
    ModuleType = type(sys)

_INTERFACES: Final = "offhook.interfaces"
_PLUGIN: Final = "offhook.plugin"

#: For each old module, the public module that now holds each group of its names.
MOVED: Final[Mapping[str, Mapping[str, str]]] = {
    "offhook.audio": {
        _INTERFACES: "AudioFrame OPUS_RATES_HZ PTIME_MS SAMPLE_BYTES level_dbfs pcm_of samples_of saturated"
    },
    "offhook.clock": {_INTERFACES: "Clock SystemClock iso_8601"},
    "offhook.decisions": {_INTERFACES: "DialRequest"},
    "offhook.events": {
        _INTERFACES: "AudioLost AudioReturned Direction GrantExpiring LeaveReason LegClosed LegDisconnected LegEvent "
        "LegFailed LegReconnected MemberJoined MemberLeft MemberPublished MemberUnpublished"
    },
    "offhook.grant": {_INTERFACES: "Grant is_loopback"},
    "offhook.hookspecs": {"offhook": "hookimpl"},
    "offhook.ids": {_INTERFACES: "Ids"},
    "offhook.numbers": {_INTERFACES: "e164 mask mask_all"},
    "offhook.plugins": {_PLUGIN: "Plugins"},
    "offhook.record": {"offhook": "CallRecord Gap TimelineEntry", "offhook.session": "entry_document record_document"},
    "offhook.registry": {
        _INTERFACES: "Environment",
        _PLUGIN: "ArchiveRegistry AuthRegistry CarrierRegistry CommandRegistry FarEndRegistry FilterRegistry "
        "ResamplerRegistry SinkRegistry SourceRegistry StoreRegistry TransportRegistry",
    },
    "offhook.replay": {"offhook.records": "Replay ReplayedEntry replay"},
    "offhook.testing.far_end": {
        "offhook.testing": "ServiceAnswer ChannelFarEnd FarEnd FarMember ServiceFarEnd TokenFault"
    },
}


class _OldModule(ModuleType):
    """Stands in for a module that has moved, and imports its names from their new modules."""

    def __init__(self, name: str, homes: Mapping[str, str]) -> None:
        super().__init__(name, f"Moved; see {', '.join(homes)}.")
        self._home_of = {item: home for home, names in homes.items() for item in names.split()}

    def __getattr__(self, name: str) -> object:
        home = self._home_of.get(name)
        if home is None:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        import warnings
        from importlib import import_module

        warnings.warn(
            f"{self.__name__}.{name} has moved: write `from {home} import {name}`. The next version of offhook "
            "will not have the old path",
            DeprecationWarning,
            stacklevel=2,
        )
        return getattr(import_module(home), name)


def keep_old_paths(moved: Mapping[str, Mapping[str, str]] = MOVED) -> None:
    """Make the old paths in `moved` importable. A new module is imported when one of its names is used.

    A path whose package has not been imported yet is left out: that package calls this function again.

    Args:
        moved: for each old module, the new modules with the names that moved there, separated by spaces.
    """
    for name, homes in moved.items():
        package, _, last = name.rpartition(".")
        if package in sys.modules:
            module = sys.modules.setdefault(name, _OldModule(name, homes))
            vars(sys.modules[package]).setdefault(last, module)  # as an import sets it, for `import package.last`
