"""FaceTime calls placed through Sendblue: a call-session framework in which every part is a plugin.

The names are imported on first use: the command `offhook` imports this package before it can handle a signal.
"""

from __future__ import annotations

from offhook.old_paths import keep_old_paths as _keep_old_paths

TYPE_CHECKING = False  # without importing typing, which takes longer than all of this
if TYPE_CHECKING:
    from offhook.call import Call, LoadPolicy, Phone, PhoneLoad, ThreadsafeCall
    from offhook.errors import (
        CallStateError,
        CarrierError,
        ConfigError,
        DialRefused,
        OffhookError,
        PluginError,
        StorageError,
        TransportError,
    )
    from offhook.interfaces import AudioFilter, AudioFrame, AudioSink, AudioSource, BoundedStream
    from offhook.media import (
        AudioStream,
        PlayHandle,
        PlayMode,
        PlayoutEnd,
        PushSource,
        SpeechDetector,
        SpeechStarted,
        SpeechStopped,
    )
    from offhook.plugin import hookimpl
    from offhook.secret import Secret
    from offhook.session import (
        AnswerPolicy,
        CallPolicy,
        CallRecord,
        CallState,
        Cause,
        Disposition,
        EndedBy,
        Evidence,
        Gap,
        Grade,
        LegState,
        Outcome,
        TimelineEntry,
    )

__all__ = [
    "AnswerPolicy",
    "AudioFilter",
    "AudioFrame",
    "AudioSink",
    "AudioSource",
    "AudioStream",
    "BoundedStream",
    "Call",
    "CallPolicy",
    "CallRecord",
    "CallState",
    "CallStateError",
    "CarrierError",
    "Cause",
    "ConfigError",
    "DialRefused",
    "Disposition",
    "EndedBy",
    "Evidence",
    "Gap",
    "Grade",
    "LegState",
    "LoadPolicy",
    "OffhookError",
    "Outcome",
    "Phone",
    "PhoneLoad",
    "PlayHandle",
    "PlayMode",
    "PlayoutEnd",
    "PluginError",
    "PushSource",
    "Secret",
    "SpeechDetector",
    "SpeechStarted",
    "SpeechStopped",
    "StorageError",
    "ThreadsafeCall",
    "TimelineEntry",
    "TransportError",
    "__version__",
    "hookimpl",
]

__version__ = "0.1.0"

#: The rooms and the ground that the names are from, from the ground up, so that no more is imported than a name needs.
_HOMES = ("secret", "errors", "session", "interfaces", "media", "plugin", "call")
#: Modules that `import offhook` alone makes usable, as in ``offhook.errors.SpecError``.
_ROOMS = (*_HOMES, "records", "wording")

if not TYPE_CHECKING:  # a type checker would take any name for one of this module

    def __getattr__(name: str) -> object:
        from importlib import import_module

        if name in _ROOMS:
            return import_module(f"{__name__}.{name}")
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        rooms = (import_module(f"{__name__}.{room}") for room in _HOMES)
        found = globals()[name] = next(getattr(room, name) for room in rooms if hasattr(room, name))
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


_keep_old_paths()
