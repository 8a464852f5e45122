"""Imports Agora's SDK so that the import cannot hurt.

Upstream's `agora/__init__.py` downloads code without checking certificates, deletes its own folder and calls
`sys.exit`; it never runs here: a bare parent module takes its place. The rest of upstream's Python layer, unmodified,
runs with builtins of its own: its `print` writes nothing, and the module `ssl` that it gets to change is a copy.
"""

from __future__ import annotations

import builtins
import ctypes
import importlib
import logging
import re
import ssl
import sys
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias, cast

from offhook_agora.messages import sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

Code: TypeAlias = Literal["missing", "library", "symbol", "occupied", "layer"]

_log: Final = logging.getLogger("offhook.agora")

_NEXT: Final = "Run: offhook agora check"
#: As dlopen and dlsym of Linux and macOS write it.
_SYMBOL: Final = re.compile(r"undefined symbol: (\w+)|dlsym\(\w+, (\w+)\)")
#: What urllib makes its TLS contexts with.
_TLS_HOOK: Final = "_create_default_https_context"
_MODULES: Final = ("agora_service", "rtc_connection", "agora_parameter", "agora_base")


class SdkUnusable(Exception):
    """The SDK cannot be loaded.

    Args:
        code: for programs.
        text: for people: what is wrong, and what to type.
    """

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(text)
        self.code: Code = code
        self.text: str = sentence(text)


class LocalUser(Protocol):
    """What is used of upstream's class of this name."""

    def set_playback_audio_frame_before_mixing_parameters(self, channels: int, rate_hz: int) -> int: ...


class Connection(Protocol):
    """What is used of upstream's `RTCConnection`."""

    conn_handle: int | None

    def get_local_user(self) -> LocalUser | None: ...
    def register_observer(self, observer: object) -> int: ...
    def register_local_user_observer(self, observer: object) -> int: ...
    def register_audio_frame_observer(self, observer: object, vad: int, vad_config: None) -> int: ...
    def connect(self, token: str, channel: str, uid: str) -> int: ...
    def disconnect(self) -> int: ...
    def publish_audio(self) -> int: ...
    def push_audio_pcm_data(self, data: bytearray, rate_hz: int, channels: int) -> int: ...
    def interrupt_audio(self) -> int: ...
    def renew_token(self, token: str) -> int: ...
    def release(self) -> None: ...


class Service(Protocol):
    """What is used of upstream's `AgoraService`."""

    inited: bool

    def initialize(self, config: object) -> int: ...
    def create_rtc_connection(self, config: object, publish_config: object) -> Connection | None: ...
    def release(self) -> None: ...


class Sdk:
    """The loaded SDK.

    Args:
        service: upstream's module of this name.
        base: upstream's module of configurations and numbers.
        rtc: upstream's package, which holds the native library.
    """

    def __init__(self, service: ModuleType, base: ModuleType, rtc: ModuleType) -> None:
        self._service: Any = service
        self._base: Any = base
        self._library: Any = cast("Any", rtc).agora_lib

    def new_service(self) -> Service:
        """Make an `AgoraService`."""
        service: Service = self._service.AgoraService()
        return service

    def service_config(self, app_id: str) -> object:
        """Return the configuration of a service without video and without sound devices."""
        return self._base.AgoraServiceConfig(appid=app_id, enable_audio_device=0, enable_video=0)

    def configs(self, rate_hz: int, scenario: int) -> tuple[object, object]:
        """Return the configurations of a connection: of what it receives, and of what it publishes.

        Raises:
            ValueError: the SDK does not know the scenario.
        """
        base = self._base
        receives = base.AudioSubscriptionOptions(
            packet_only=0, pcm_data_only=1, bytes_per_sample=2, number_of_channels=1, sample_rate_hz=rate_hz
        )
        return (
            base.RTCConnConfig(auto_subscribe_audio=1, auto_subscribe_video=0, audio_subs_options=receives),
            base.RtcConnectionPublishConfig(
                audio_scenario=base.AudioScenarioType(scenario), is_publish_audio=True, is_publish_video=False
            ),
        )

    def set_endpoint(self, endpoint: str | None) -> None:
        """Say where the mock is. Agora's own library has no such function, and no such place."""
        function = getattr(self._library, "offhook_agora_set_endpoint", None)
        if function is not None:
            function.argtypes = [ctypes.c_char_p]
            function(endpoint.encode() if endpoint else None)


def callbacks_of(connection: Connection) -> tuple[object, ...]:
    """The objects that native code calls: they must live as long as it might."""
    user = connection.get_local_user()
    names = ("audio_frame_observer", "user_observer_inner")
    return (getattr(connection, "con_observer_handle", None), *(getattr(user, name, None) for name in names))


def load(package: Path, libraries: Path) -> Sdk:
    """Import the SDK.

    Args:
        package: the folder of upstream's Python layer.
        libraries: the folder of the native libraries.

    Raises:
        SdkUnusable: it cannot be imported; nothing of it is left in `sys.modules`.
    """
    _check_files(package, libraries)
    before = set(sys.modules)
    seeded = _seed(package, libraries)
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    _silence()
    hook = getattr(ssl, _TLS_HOOK)
    try:
        if sys.platform == "linux":
            ctypes.CDLL(str(libraries / "libaosl.so"))  # as upstream's parent module does
        modules = [importlib.import_module(f"agora.rtc.{name}") for name in _MODULES]
    except BaseException as error:  # on a thread of ours, nothing but the SDK raises KeyboardInterrupt or SystemExit
        for name in set(sys.modules) - before:
            if seeded and (name == "agora" or name.startswith("agora.")):
                del sys.modules[name]
        raise _explained(error, libraries) from None
    finally:
        sys.meta_path.remove(finder)
        if getattr(ssl, _TLS_HOOK) is not hook:  # not by any way that upstream takes today
            setattr(ssl, _TLS_HOOK, hook)
            _log.warning("Agora's SDK turned off the checking of certificates in this process; offhook restored it")
    return Sdk(modules[0], modules[3], sys.modules["agora.rtc"])


def _silence() -> None:
    """Keep what upstream logs from all handlers: at DEBUG it logs tokens, and at ERROR what its calls return anyway."""
    logger = logging.getLogger("agora")
    logger.propagate = False
    logger.setLevel(logging.CRITICAL + 1)
    if not logger.handlers:  # without one, errors would go to standard error
        logger.addHandler(logging.NullHandler())


def _check_files(package: Path, libraries: Path) -> None:
    if not (package / "rtc" / "agora_service.py").is_file():
        raise SdkUnusable("layer", f"the Python layer of Agora's SDK is not in {package}. {_NEXT}")
    names = ["libAgoraRtcKit.dylib"] if sys.platform == "darwin" else ["libaosl.so", "libagora_rtc_sdk.so"]
    for name in names:
        if not (libraries / name).is_file():
            raise SdkUnusable("missing", f"{name}, a library of Agora's SDK, is not in {libraries}. {_NEXT}")


def _seed(package: Path, libraries: Path) -> bool:
    """Put the bare parent module in place; returns whether that was necessary."""
    there = sys.modules.get("agora")
    if there is not None:
        paths = [str(path) for path in getattr(there, "__path__", [])]
        if getattr(there, "sdk_library_dir", None) == str(libraries) and str(package) in paths:
            return False
        raise SdkUnusable(
            "occupied",
            f"this process has imported another module named agora (from {(paths or ['a file'])[0]}), so it cannot run "
            "Agora's SDK. Let it run in a process of its own, as it does without OFFHOOK_AGORA_PROCESS=inline",
        )
    module: Any = ModuleType("agora", "Stands in for the parent module of Agora's SDK, which would download code.")
    module.__path__ = [str(package)]
    module.__spec__ = ModuleSpec("agora", None, is_package=True)
    module.sdk_root_dir = str(package)
    module.sdk_library_dir = str(libraries)
    module.sdk_rtc_dir = str(package / "rtc")
    module.sdk_rtm_dir = str(package / "rtm")
    sys.modules["agora"] = module
    return True


def _explained(error: BaseException, libraries: Path) -> SdkUnusable:
    if isinstance(error, SdkUnusable):
        return error
    # Upstream turns the reason into sys.exit(1); it is still the context.
    cause = error.__context__ if isinstance(error, SystemExit) and error.__context__ is not None else error
    found = _SYMBOL.search(str(cause))
    if found:
        symbol = found.group(1) or found.group(2)
        return SdkUnusable(
            "symbol",
            f"the libraries in {libraries} lack {symbol}, which the Python layer of Agora's SDK needs: they are not of "
            f"the same version. {_NEXT}",
        )
    if isinstance(cause, OSError):
        return SdkUnusable("library", f"a library of Agora's SDK in {libraries} cannot be loaded: {cause}. {_NEXT}")
    if isinstance(cause, SystemExit):
        return SdkUnusable("library", f"Agora's SDK called sys.exit while it was imported from {libraries}. {_NEXT}")
    return SdkUnusable("layer", f"Agora's SDK cannot be imported: {type(cause).__name__}: {cause}. {_NEXT}")


class _Loader(SourceFileLoader):
    """Runs a module with builtins of its own."""

    def exec_module(self, module: ModuleType) -> None:
        vars(module)["__builtins__"] = _own_builtins()
        super().exec_module(module)


class _Finder:
    """Finds the modules below ``agora`` as usual, and has them run by `_Loader`."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if not name.startswith("agora.") or path is None:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(name, spec.loader.path)
        return spec


def _own_builtins() -> dict[str, object]:
    copy = ModuleType("ssl")
    vars(copy).update(vars(ssl))

    def import_(
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] = (),
        level: int = 0,
    ) -> ModuleType:
        if level == 0 and name == "ssl":
            return copy
        return builtins.__import__(name, globals, locals, fromlist, level)

    own: dict[str, Callable[..., object]] = {"print": _print_nothing, "__import__": import_}
    return vars(builtins) | own


def _print_nothing(*values: object, **options: object) -> None:
    """Upstream prints with each subscription and each capability that it hears of."""
