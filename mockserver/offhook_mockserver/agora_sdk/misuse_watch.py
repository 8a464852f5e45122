"""Reports misuse of Agora's Python layer that its native library never sees, by name, once for each connection.

`offhook mock agora-sdk` copies this file into its folder, where it runs in the program's process, below any Python from
3.10 on. It imports nothing of offhook.

It looks at calls of upstream's methods as they pass. They take, return and raise what they did before. Upstream's files
are not changed: the methods are replaced in the classes, when the modules that define them are imported.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.abc
import importlib.machinery
import importlib.util
import inspect
import opcode
import sys
import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import FrameType, ModuleType
    from typing import Final

#: The modules with something to watch, and the class in each.
WATCHED: Final[Mapping[str, str]] = {
    "agora.rtc.agora_service": "AgoraService",
    "agora.rtc.local_user": "LocalUser",
    "agora.rtc.rtc_connection": "RTCConnection",
    "agora.rtc._ctypes_handle._audio_frame_observer": "AudioFrameObserverInner",
}
#: The attribute that is None once an object was released.
_HANDLES: Final[Mapping[str, str]] = {"AgoraService": "service_handle", "RTCConnection": "conn_handle"}
#: Methods that version 2.3.0 removed, and what replaced them.
REMOVED: Final[Mapping[str, Mapping[str, str]]] = {
    "AgoraService": {
        "create_media_node_factory": "create_rtc_connection(...) makes it",
        "create_custom_audio_track_pcm": "create_rtc_connection(...) makes it",
    },
    "LocalUser": {
        "publish_audio": "use publish_audio() of the connection",
        "unpublish_audio": "use unpublish_audio() of the connection",
        "publish_video": "use publish_video() of the connection",
        "unpublish_video": "use unpublish_video() of the connection",
        "register_audio_frame_observer": "use register_audio_frame_observer(...) of the connection",
        "register_local_user_observer": "use register_local_user_observer(...) of the connection",
        "register_video_frame_observer": "use register_video_frame_observer(...) of the connection",
        "register_video_encoded_frame_observer": "use register_video_encoded_frame_observer(...) of the connection",
        "unregister_audio_frame_observer": "disconnect() of the connection does it",
        "unregister_local_user_observer": "disconnect() of the connection does it",
        "unregister_video_frame_observer": "disconnect() of the connection does it",
        "unregister_video_encoded_frame_observer": "disconnect() of the connection does it",
        "send_audio_meta_data": "use send_audio_meta_data(...) of the connection",
        "release": "release() of the connection does it",
    },
    "RTCConnection": {
        "create_data_stream": "the connection makes one by itself",
        "unregister_observer": "release() does it",
    },
}
#: What an observer's method for audio returns must be an int; upstream calls it through these.
_CALLBACKS: Final[Mapping[str, str]] = {
    "_on_record_audio_frame": "on_record_audio_frame",
    "_on_playback_audio_frame": "on_playback_audio_frame",
    "_on_mixed_audio_frame": "on_mixed_audio_frame",
    "_on_ear_monitoring_audio_frame": "on_ear_monitoring_audio_frame",
    "_on_playback_audio_frame_before_mixing": "on_playback_audio_frame_before_mixing",
}
#: An attribute is looked up by these in a program's own code; by a call it is in `hasattr` and `getattr`, which ask.
_LOOK_UPS: Final = ("LOAD_ATTR", "LOAD_METHOD")


class Watch:
    """Reports misuse to the native library.

    Args:
        library: returns the native library that upstream has loaded.
    """

    def __init__(self, library: Callable[[], object]) -> None:
        self._library = library
        self._reported: weakref.WeakKeyDictionary[object, set[tuple[str, str]]] = weakref.WeakKeyDictionary()
        self._connected: dict[int, weakref.finalize[..., Any]] = {}

    def report(self, name: str, detail: str, about: object) -> None:
        """Report a misuse, once for each object that it is about; raises nothing."""
        try:
            reported = self._reported.setdefault(about, set())
            if (name, detail) in reported:
                return
            reported.add((name, detail))
            library: Any = self._library()
            send = library["offhook_agora_report"]  # a function object of our own, without upstream's types
            send.argtypes, send.restype = (ctypes.c_char_p, ctypes.c_char_p), None
            send(name.encode(), detail.encode(errors="replace"))
        except Exception:  # such as another library: the program goes on as it would without a watch
            pass

    def attach(self, module: ModuleType, class_name: str) -> None:
        """Watch the class of a module of upstream's."""
        watched = getattr(module, class_name, None)
        if not isinstance(watched, type):
            return
        if class_name == "AudioFrameObserverInner":
            for inner, method in _CALLBACKS.items():
                self._replace(watched, inner, functools.partial(self._checked_callback, method=method))
            return
        if class_name in REMOVED:
            self._watch_removed(watched)
        if class_name in _HANDLES:
            handle = _HANDLES[class_name]
            for name in [name for name in vars(watched) if not name.startswith("_")]:
                self._replace(watched, name, functools.partial(self._checked_release, handle=handle))
        if class_name == "RTCConnection":
            self._replace(watched, "connect", self._checked_connect)
            self._replace(watched, "release", self._checked_end)
            self._replace(watched, "push_audio_pcm_data", self._checked_push)
            self._replace(watched, "register_audio_frame_observer", self._checked_observer)
            self._replace(watched, "_on_capabilities_changed", self._checked_capabilities)

    def _replace(self, watched: type, name: str, make: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
        original = vars(watched).get(name)
        if callable(original) and not isinstance(original, type):
            setattr(watched, name, functools.wraps(original)(make(original)))

    def _checked_release(self, original: Callable[..., Any], *, handle: str) -> Callable[..., Any]:
        def call(self_: Any, *args: Any, **kwargs: Any) -> Any:
            if getattr(self_, handle, None) is None and not _called_by_upstream(_caller()):
                owner = type(self_).__name__
                self.report("use after release", f"{owner}.{original.__name__}() after {owner}.release()", self_)
            return original(self_, *args, **kwargs)

        return call

    def _checked_connect(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """A connection that is dropped without `release()` frees callbacks that the library goes on to call."""

        def call(self_: Any, *args: Any, **kwargs: Any) -> Any:
            handle = getattr(self_, "conn_handle", None)
            if handle is not None and id(self_) not in self._connected:
                end = weakref.finalize(self_, self._dropped, id(self_), handle)
                end.atexit = False  # a program may end without a release
                self._connected[id(self_)] = end
            return original(self_, *args, **kwargs)

        return call

    def _checked_end(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(self_: Any, *args: Any, **kwargs: Any) -> Any:
            end = self._connected.pop(id(self_), None)
            if end is not None:
                end.detach()
            return original(self_, *args, **kwargs)

        return call

    def _dropped(self, identity: int, handle: object) -> None:
        self._connected.pop(identity, None)
        detail = "the last reference to a connection is gone before release(): Agora's library may crash"
        self.report("connection dropped without release", detail, self._library)
        try:
            library: Any = self._library()
            abandon = library["offhook_agora_abandon"]
            abandon.argtypes, abandon.restype = (ctypes.c_void_p,), None
            abandon(handle)
        except Exception:  # as in `report`
            pass

    def _checked_push(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(self_: Any, data: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                result = original(self_, data, *args, **kwargs)
            except TypeError:
                if _is_read_only(data):
                    detail = f"push_audio_pcm_data() needs a bytearray, got {type(data).__name__}, and sent nothing"
                    self.report("bytes in place of a bytearray", detail, self_)
                raise
            if result == -1002:
                detail = "push_audio_pcm_data() returned -1002: the length is not a whole number of milliseconds"
                self.report("length of a push", detail, self_)
            return result

        return call

    def _checked_observer(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(self_: Any, *args: Any, **kwargs: Any) -> Any:
            second = getattr(getattr(self_, "local_user", None), "audio_frame_observer", None) is not None
            try:
                return original(self_, *args, **kwargs)
            finally:
                if second:
                    detail = "register_audio_frame_observer() needs to be called once for a connection"
                    self.report("second observer", detail, self_)

        return call

    def _checked_callback(self, original: Callable[..., Any], *, method: str) -> Callable[..., Any]:
        def call(self_: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(self_, *args, **kwargs)
            if result is None:
                self._report_none(method, self_.local_user)  # the observer itself is a structure, and has no hash
            return result

        return call

    def _checked_capabilities(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(self_: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                return original(self_, *args, **kwargs)
            except TypeError as error:
                if "NoneType" in str(error):
                    self._report_none("on_aiqos_capability_missing", self_)
                raise

        return call

    # The library reports other results that are not valid by the same name; of None, it sees a random number.
    def _report_none(self, method: str, about: object) -> None:
        self.report("callback that returns None", f"{method}() returned None and must return an int", about)

    def _watch_removed(self, watched: type) -> None:
        removed = {name: use for name, use in REMOVED[watched.__name__].items() if not hasattr(watched, name)}
        if hasattr(watched, "__getattr__"):
            return

        def missing(self_: Any, name: str) -> Any:
            frame = _caller()
            if name in removed and _is_look_up(frame) and not _called_by_upstream(frame):
                method = f"{type(self_).__name__}.{name}"
                self.report(f"removed method {method}", f"{method}() is not in this version: {removed[name]}", self_)
            return object.__getattribute__(self_, name)  # raises what it would without this function

        missing.__name__ = "__getattr__"
        watched.__getattr__ = missing  # type: ignore[attr-defined]


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the modules to watch where Python would, and attaches the watch when they have been imported."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in WATCHED:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.origin is None or type(spec.loader) is not importlib.machinery.SourceFileLoader:
            return spec
        return importlib.util.spec_from_file_location(
            fullname, spec.origin, loader=_Loader(fullname, spec.origin, self._watch)
        )


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, fullname: str, path: str, watch: Watch) -> None:
        super().__init__(fullname, path)
        self._watch = watch

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        self._watch.attach(module, WATCHED[module.__name__])


def install() -> None:
    """Watch the classes of upstream's modules, which must not have been imported yet."""

    def library() -> Any:
        return getattr(sys.modules["agora.rtc"], "agora_lib")  # noqa: B009 - unknown to type checkers

    sys.meta_path.insert(0, _Finder(Watch(library)))


def _is_read_only(data: object) -> bool:
    try:
        with memoryview(data) as view:  # type: ignore[arg-type]
            return view.readonly
    except TypeError:
        return False


def _caller() -> FrameType | None:
    """The frame that has called the function that calls this one."""
    frame = inspect.currentframe()
    return frame.f_back.f_back if frame is not None and frame.f_back is not None else None


def _called_by_upstream(frame: FrameType | None) -> bool:
    name = frame.f_globals.get("__name__") if frame is not None else None
    return isinstance(name, str) and name.startswith("agora.")


def _is_look_up(frame: FrameType | None) -> bool:
    """Whether a frame looks an attribute up by its name, and does not ask whether there is one."""
    if frame is None or frame.f_lasti < 0:
        return False
    return opcode.opname[frame.f_code.co_code[frame.f_lasti]] in _LOOK_UPS
