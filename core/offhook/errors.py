"""Everything offhook raises, grouped by who must act.

::

    OffhookError
    ├── ConfigError               your settings: environment, arguments, files
    │   ├── NumberRejected        a telephone number that must not or cannot be dialled
    │   ├── SpecError             a spec string (``wav:greeting.wav``) that names nothing
    │   ├── SourceError           an audio source that cannot be opened
    │   ├── RecordingError        an output that cannot be written
    │   └── MissingExtraError     an optional part of offhook is not installed
    ├── CallStateError            your program: a call used in the wrong order
    │   └── SourceClosed          audio was pushed into a source that takes no more
    ├── DialRefused               we did not dial, on purpose; nothing has rung
    │   ├── DoubleDial            the callee is being called, or was a moment ago
    │   ├── TooManyCalls          the limit of calls at once
    │   └── DialForbidden         a plugin's `offhook_before_dial` said no
    ├── PluginError               the author of a plugin
    ├── CarrierError              the carrier said no, or said nothing useful
    │   ├── CredentialsRejected   401, 403
    │   ├── RequestRejected       any other refusal
    │   ├── RateLimited           429
    │   ├── CarrierUnavailable    not there, or 5xx
    │   ├── CarrierProtocolError  an answer that is not the documented one
    │   └── StartAmbiguous        the answer was lost: the callee may have been rung
    └── TransportError            the channel
        ├── TransportUnavailable  cannot be used at all; found out before anything rings
        ├── JoinFailed            the channel did not let us in
        │   └── TokenRejected     because of the token: forged, expired, for another channel
        └── JoinTimeout           the channel never answered

No answer, busy, declined and a callee who hangs up are not here: they are outcomes, found on the call's record.
Each class has a `code` that stays the same between versions. Messages say what was wrong, where, and what to do.
They never hold a secret: what is raised goes through `redact`.
"""

from __future__ import annotations

from typing import ClassVar

from offhook.secret import redact


class OffhookError(Exception):
    """The root of everything offhook raises."""

    #: Stable, for programs and logs.
    code: ClassVar[str] = "offhook"

    def __init__(self, message: str) -> None:
        super().__init__(redact(message))

    @property
    def message(self) -> str:
        """The sentence for a person."""
        return str(self.args[0])


class ConfigError(OffhookError):
    """A setting is missing or wrong."""

    code = "config"


class NumberRejected(ConfigError):
    """Not an E.164 number, or one that must not be dialled (emergency, the caller's own)."""

    code = "number_rejected"


class SpecError(ConfigError):
    """A spec string names nothing that is installed, or has a bad argument."""

    code = "spec"


class SourceError(ConfigError):
    """An audio source cannot be opened: missing, empty, truncated, or of no known format."""

    code = "source"


class RecordingError(ConfigError):
    """A recording cannot be written where it was asked for."""

    code = "recording"


class MissingExtraError(ConfigError):
    """A plugin needs a package that is not installed.

    Args:
        extra: what to give to pip; empty where the plugin does not say it.
        needed_for: what cannot be used without.
        missing: the import names that were looked for.
    """

    code = "missing_extra"

    def __init__(self, extra: str, needed_for: str, missing: tuple[str, ...] = ()) -> None:
        ours = extra.startswith("offhook[")
        what = "a part of offhook that" if ours else f"{', '.join(missing) or 'a package'}, which"
        cure = f'pip install "{extra}"' if extra else "its plugin does not say what to give to pip"
        super().__init__(f"{needed_for} needs {what} is not installed: {cure}")
        self.extra = extra
        self.missing = missing


class CallStateError(OffhookError):
    """A call was used in the wrong order, for example entered twice."""

    code = "call_state"


class SourceClosed(CallStateError):
    """Audio was pushed into a source that takes no more: it was ended, or what it was played into is over."""

    code = "source_closed"


class DialRefused(OffhookError):
    """We did not dial, on purpose. Nothing has rung."""

    code = "dial_refused"


class DoubleDial(DialRefused):
    """The callee is being called from this line, or was so short a time ago that this may be a mistake."""

    code = "double_dial"


class TooManyCalls(DialRefused):
    """As many calls are up as the phone allows."""

    code = "too_many_calls"


class DialForbidden(DialRefused):
    """A plugin refused the call before it was dialled, or failed to say that it may be."""

    code = "dial_forbidden"


class PluginError(OffhookError):
    """A plugin raised something of its own, hung, or answered nonsense.

    Args:
        plugin: which plugin, with its distribution where that is known.
        hook: the hook, the factory, or the method of a part that the plugin made.
        problem: what it did.
        see: what tells the plugin's author how it is done, as an argument of ``offhook docs``; for mistakes in code
            alone.
    """

    code = "plugin"

    def __init__(self, plugin: str, hook: str, problem: str, *, see: str = "") -> None:
        super().__init__(
            f"plugin {plugin!r} failed in {hook}: {problem}" + (f" (read: offhook docs {see})" if see else "")
        )
        self.plugin = plugin
        self.hook = hook
        self.see = see


class CarrierError(OffhookError):
    """The carrier refused the call or could not be understood. Nothing is retried once a request has left.

    Args:
        message: the sentence for a person.
        may_have_rung: whether the callee may have been rung all the same; False when that is known not to be so.
    """

    code = "carrier"

    def __init__(self, message: str, *, may_have_rung: bool = False) -> None:
        super().__init__(message)
        self.may_have_rung = may_have_rung


class CredentialsRejected(CarrierError):
    """The carrier does not accept the keys (401, 403)."""

    code = "credentials_rejected"


class RequestRejected(CarrierError):
    """The carrier understood the request and refused it."""

    code = "request_rejected"


class RateLimited(CarrierError):
    """The carrier asks for fewer requests (429)."""

    code = "rate_limited"

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class CarrierUnavailable(CarrierError):
    """The carrier cannot be reached or is failing (5xx)."""

    code = "carrier_unavailable"


class CarrierProtocolError(CarrierError):
    """The carrier answered with something that is not its documented answer."""

    code = "carrier_protocol"


class StartAmbiguous(CarrierError):
    """The request left and its answer was lost: the callee may have been rung. It is never sent again by itself."""

    code = "start_ambiguous"

    def __init__(self, message: str) -> None:
        super().__init__(message, may_have_rung=True)


class TransportError(OffhookError):
    """The channel cannot be used."""

    code = "transport"


class TransportUnavailable(TransportError):
    """The transport cannot work here; found out before anything rings."""

    code = "transport_unavailable"


class JoinFailed(TransportError):
    """The channel did not let us in."""

    code = "join_failed"


class TokenRejected(JoinFailed):
    """The channel refused the grant's token; `reason` is Agora's connection-changed reason (8 invalid, 9 expired)."""

    code = "token_rejected"

    def __init__(self, message: str, reason: int) -> None:
        super().__init__(message)
        self.reason = reason


class JoinTimeout(TransportError):
    """The channel did not answer in time."""

    code = "join_timeout"
