"""Other people's code: how a plugin is found, loaded, checked, called and isolated. Only this package uses pluggy."""

from __future__ import annotations

from offhook.old_paths import keep_old_paths
from offhook.plugin.discovery import DISABLE_VARIABLE, REQUIRE_VARIABLE
from offhook.plugin.hookspecs import hookimpl
from offhook.plugin.isolation import PLUGINS_LOGGER, isolated, name_of
from offhook.plugin.lazy_command import LazyCommand
from offhook.plugin.manager import Plugins
from offhook.plugin.registry import (
    ArchiveRegistry,
    AuthRegistry,
    CarrierRegistry,
    CommandRegistry,
    DiagnosisRegistry,
    FarEndRegistry,
    FilterRegistry,
    Registry,
    ResamplerRegistry,
    SinkRegistry,
    SourceRegistry,
    StoreRegistry,
    TransportRegistry,
)
from offhook.plugin.report import PluginReport
from offhook.plugin.user_code import cut_traceback, line_of, line_shown

__all__ = [
    "DISABLE_VARIABLE",
    "PLUGINS_LOGGER",
    "REQUIRE_VARIABLE",
    "ArchiveRegistry",
    "AuthRegistry",
    "CarrierRegistry",
    "CommandRegistry",
    "DiagnosisRegistry",
    "FarEndRegistry",
    "FilterRegistry",
    "LazyCommand",
    "PluginReport",
    "Plugins",
    "Registry",
    "ResamplerRegistry",
    "SinkRegistry",
    "SourceRegistry",
    "StoreRegistry",
    "TransportRegistry",
    "cut_traceback",
    "hookimpl",
    "isolated",
    "keep_old_paths",
    "line_of",
    "line_shown",
    "name_of",
]
