"""What plugins add to: one typed registry for each kind of part.

A registry holds factories by name. Names are per kind; if two plugins add the same name, the second is rejected, and
the error names both. A factory is called when a part with its name is wanted, so a missing SDK only matters to those
who use the part. Bad names, factories and `needs` are rejected at registration, so that the error can name the plugin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeAlias, TypeVar

from offhook.arguments import check_text
from offhook.errors import MissingExtraError, PluginError, SpecError
from offhook.plugin.discovery import disabling, is_installed
from offhook.plugin.part_checks import interface_mismatch, registration_problem
from offhook.plugin.report import INTERFACES_PAGE, REGISTRY_SECTION
from offhook.wording import nearest_name, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from offhook.interfaces import (
        Archive,
        AudioFilter,
        AudioSink,
        AudioSource,
        Auth,
        Carrier,
        Resampler,
        Store,
        Transport,
    )
    from offhook.interfaces.diagnosis import Finding
    from offhook.interfaces.environment import Environment
    from offhook.interfaces.far_end import FarEnd


AuthFactory: TypeAlias = "Callable[[Environment], Auth]"
CarrierFactory: TypeAlias = "Callable[[Environment, Auth], Carrier]"
TransportFactory: TypeAlias = "Callable[[Environment], Transport]"
#: Takes the spec's argument.
SourceFactory: TypeAlias = "Callable[[str], AudioSource]"
#: Takes the spec's argument.
SinkFactory: TypeAlias = "Callable[[str], AudioSink]"
#: Takes the spec's argument, and the rate that it will be used at, in hertz.
FilterFactory: TypeAlias = "Callable[[str, int], AudioFilter]"
#: Takes the rate to convert from and the rate to convert to, in hertz.
ResamplerFactory: TypeAlias = "Callable[[int, int], Resampler]"
#: Takes the spec's argument and the settings.
StoreFactory: TypeAlias = "Callable[[str, Environment], Store]"
#: Takes the same arguments; the archive reads what the store of that spec has written.
ArchiveFactory: TypeAlias = "Callable[[str, Environment], Archive]"
FarEndFactory: TypeAlias = "Callable[[], FarEnd]"
#: A function with typer's annotations, or a `LazyCommand`, which imports it when it is typed.
Command: TypeAlias = Callable[..., None]
#: Takes the settings and yields its findings.
DiagnosisCheck: TypeAlias = "Callable[[Environment], Iterable[Finding]]"

_F = TypeVar("_F")


#: The resamplers that the core uses where rates differ: with little delay, and with the best quality.
RESAMPLERS: Final = ("live", "file")
#: The owner of a factory that was added while no plugin's hook was running.
_PROGRAM: Final = "the program"


class Registry(Generic[_F]):
    """Factories of one kind, by name.

    Args:
        kind: the kind of part that the factories make, for messages.
        hook: the hook through which plugins add to it.
        interface: the base class of what a factory returns; None where that is not checked.
    """

    def __init__(self, kind: str, hook: str, interface: type | None = None) -> None:
        self.kind = kind
        self.hook = hook
        self.interface = interface
        #: The plugin whose hook is running; set by the loader, empty when none is.
        self.plugin = ""
        self._registrations: dict[str, Registration[_F]] = {}
        self._hints: dict[str, str] = {}

    def add(
        self,
        name: str,
        factory: _F,
        *,
        summary: str = "",
        extra: str = "",
        needs: tuple[str, ...] = (),
    ) -> None:
        """Add a factory.

        Args:
            name: selects the factory: lower-case letters, digits, ``_`` and ``-``.
            factory: makes a part; imports its SDK itself, when called.
            summary: one line for ``offhook plugins``.
            extra: what to pass to pip when one of `needs` is missing, for example ``offhook[aiortc]``.
            needs: import names that must be installed before the factory is called. Those of audio sources and
                resamplers are imported before a phone dials, so that the first ``play()`` of a call is not late; name
                the module of the part itself as well.

        Raises:
            PluginError: the name is taken, or an argument is invalid.
        """
        problem = registration_problem(name, factory, summary, extra, needs)
        if problem:
            raise self._rejection(problem)
        taken = self._registrations.get(name)
        if taken is not None:
            if taken.plugin == self.plugin:
                raise self._rejection(f"it adds {name!r} twice")
            disable = disabling(taken.plugin)
            instead = f", or disable that plugin as a whole with {disable}" if disable else ""
            raise self._rejection(f"{name!r} is taken by plugin {taken.plugin!r}: choose another name{instead}")
        self._registrations[name] = Registration(name, factory, self.plugin or _PROGRAM, summary, extra, needs)

    def hint(self, name: str, text: str) -> None:
        """Add a hint to the error for a name that only some phones have, such as a transport into a test server.

        Args:
            name: the name; the hint is used if a phone does not have it.
            text: the end of the error message: what the name is for, and how to get it.
        """
        self._hints[name] = text

    def _rejection(self, problem: str) -> PluginError:
        return PluginError(self.plugin or _PROGRAM, self.hook, problem, see=REGISTRY_SECTION)

    def check(self, name: str, product: object) -> None:
        """Check what the factory called `name` returned.

        Raises:
            PluginError: it does not fit the registry's interface.
        """
        if self.interface is None:
            return
        problem = interface_mismatch(product, self.interface)
        if problem:
            page = f"{INTERFACES_PAGE}#{self.interface.__name__.lower()}"
            raise PluginError(self.plugin_of(name), self.factory_of(name), problem, see=page)

    def factory_of(self, name: str) -> str:
        """How messages name the factory called `name`."""
        return f"the factory of the {self.kind} {name!r}"

    def plugin_of(self, name: str) -> str:
        """The plugin that added `name`."""
        return self._registrations[name].plugin

    def forget(self, plugin: str) -> None:
        """Remove what `plugin` added."""
        self._registrations = {name: item for name, item in self._registrations.items() if item.plugin != plugin}

    def __iter__(self) -> Iterator[Registration[_F]]:
        return iter(self._registrations.values())

    def find(self, name: str) -> _F:
        """Returns the factory called `name`, if everything that it needs is installed.

        Raises:
            SpecError: no factory has that name; the message lists the known names.
            MissingExtraError: something that it needs is not installed.
            ConfigError: `name` is not text.
        """
        registration = self._registrations.get(check_text(name, f"the name of the {self.kind}"))
        if registration is None:
            problem = f"no {self.kind} is called {quoted(name)}"
            if name in self._hints:
                raise SpecError(f"the {self.kind} {name!r} is not available here: {self._hints[name]}")
            known = ", ".join(sorted(self._registrations)) or "none"
            near = nearest_name(name, self._registrations)
            raise SpecError(f"{problem}{near} (installed: {known}); see: offhook plugins")
        if registration.missing:
            raise registration.lack(f"the {self.kind} {name!r}")
        return registration.factory


AuthRegistry: TypeAlias = Registry[AuthFactory]
CarrierRegistry: TypeAlias = Registry[CarrierFactory]
TransportRegistry: TypeAlias = Registry[TransportFactory]
SourceRegistry: TypeAlias = Registry[SourceFactory]
SinkRegistry: TypeAlias = Registry[SinkFactory]
FilterRegistry: TypeAlias = Registry[FilterFactory]
ResamplerRegistry: TypeAlias = Registry[ResamplerFactory]
StoreRegistry: TypeAlias = Registry[StoreFactory]
ArchiveRegistry: TypeAlias = Registry[ArchiveFactory]
FarEndRegistry: TypeAlias = Registry[FarEndFactory]
CommandRegistry: TypeAlias = Registry[Command]
DiagnosisRegistry: TypeAlias = Registry[DiagnosisCheck]


@dataclass(frozen=True, slots=True)
class Registration(Generic[_F]):
    """One name in a registry.

    Attributes:
        name: selects the factory.
        factory: makes a part.
        plugin: the label of the plugin that added it.
        summary: one line for ``offhook plugins``.
        extra: what to pass to pip when something it needs is missing.
        needs: import names that must be installed.
    """

    name: str
    factory: _F
    plugin: str
    summary: str
    extra: str
    needs: tuple[str, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """The names in `needs` that are not installed."""
        return tuple(name for name in self.needs if not is_installed(name))

    @property
    def cure(self) -> str:
        """How to install what is missing, if the plugin declares a pip extra."""
        return f'pip install "{self.extra}"' if self.extra else "the plugin does not declare a pip extra"

    def lack(self, what: str) -> MissingExtraError:
        """Return the error saying that `what` cannot be made, because a package that it needs is not installed."""
        return MissingExtraError(self.extra, what, self.missing)
