"""Everything offhook raises, grouped by who must act.

::

    OffhookError
    ├── ConfigError               your settings: environment, arguments, files
    │   ├── NumberRejected        a telephone number that must not or cannot be dialled
    │   ├── SpecError             a spec string (``wav:greeting.wav``) that names nothing
    │   ├── SourceError           an audio source that cannot be opened
    │   │   └── SourceStalled     a source yielded no audio for too long while its end was waited for
    │   ├── FrameError            samples, a rate or a position that cannot be an audio frame
    │   └── MissingExtraError     an optional part of offhook is not installed
    ├── CallStateError            your program: a call used in the wrong order
    │   ├── SourceClosed          audio was pushed into a source that has ended
    │   └── ImpossibleEvent       a strict session met an event that cannot happen in its state
    ├── StorageError              your disk: a recording, a journal or a database that cannot be written or read
    │   └── JournalError          a journal that cannot be replayed
    ├── DialRefused               we did not dial, on purpose; nothing has rung
    │   ├── DoubleDial            the callee is being called, or was a moment ago
    │   ├── TooManyCalls          the limit of calls at once
    │   ├── Overloaded            the event loop has no room for the audio of one more call
    │   └── DialForbidden         a plugin's `offhook_before_dial` refused
    ├── WaitTimeout               your program: the time limit of a wait was reached; also a `TimeoutError`
    ├── PluginError               the author of a plugin
    ├── CarrierError              the carrier refused, or its answer could not be used
    │   ├── CredentialsRejected   401, 403
    │   ├── RequestRejected       any other refusal
    │   ├── RateLimited           429
    │   ├── CarrierUnavailable    cannot be reached, or 5xx
    │   ├── CarrierProtocolError  an answer that is not the documented one
    │   ├── StartAmbiguous        the answer was lost: the callee may have been rung
    │   └── GrantUnavailable      no plugin returned a fresh grant for a call that is up
    └── TransportError            the channel
        ├── TransportUnavailable  cannot be used at all; found out before anything rings
        │   └── TransportNotSetUp because of settings, of files, or of what is installed
        └── JoinFailed            the channel did not let us in
            ├── TokenRejected     because of the token: forged, expired, for another channel
            └── JoinTimeout       the channel never answered

No answer, busy, declined and a callee who hangs up are not here: they are outcomes, found on the call's record.
Each class has a `code` that stays the same between versions. Messages say what was wrong, where, and what to do.
They never hold a secret: each message goes through `redact`.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, ClassVar

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
    """An audio source cannot be opened: missing, empty, truncated, or of an unknown format."""

    code = "source"


class SourceStalled(SourceError):
    """A source yielded no audio for the call's `stall_timeout_s` while a program waited for the end of its playout."""

    code = "source_stalled"


class FrameError(ConfigError, TypeError, ValueError):
    """An audio frame cannot be made of what was passed: not 16-bit samples, or not a valid rate or position."""

    code = "frame"


class MissingExtraError(ConfigError):
    """A plugin needs a package that is not installed.

    Args:
        extra: the requirement to install with pip; empty when the plugin does not declare one.
        needed_for: what cannot be used without it.
        missing: the import names that were looked for.
    """

    code = "missing_extra"

    def __init__(self, extra: str, needed_for: str, missing: tuple[str, ...] = ()) -> None:
        ours = extra.startswith("offhook[")
        what = "a part of offhook that" if ours else f"{', '.join(missing) or 'a package'}, which"
        cure = f'pip install "{extra}"' if extra else "the plugin does not declare a pip extra"
        super().__init__(f"{needed_for} needs {what} is not installed: {cure}")
        self.extra = extra
        self.missing = missing


class CallStateError(OffhookError):
    """A call was used in the wrong order, for example entered twice."""

    code = "call_state"


class SourceClosed(CallStateError):
    """Audio was pushed into a source that has ended, or that was played into a call that is over."""

    code = "source_closed"


class ImpossibleEvent(CallStateError):
    """A strict session met an event that cannot happen in its state. Nothing has changed.

    Args:
        event: the event, by the name of its class.
        call: the state of the call.
        leg: the state of our leg.
    """

    code = "impossible_event"

    def __init__(self, event: str, call: str, leg: str) -> None:
        super().__init__(f"{event} cannot happen while the call is {call} and the leg is {leg}")
        self.event = event
        self.call = call
        self.leg = leg


class StorageError(OffhookError):
    """A recording, a journal or a database cannot be written or read: its place, its permissions, or a full disk."""

    code = "recording"


class JournalError(StorageError):
    """A journal cannot be replayed: an entry lacks a field, or holds an event or facts that are unknown."""

    code = "journal"


class DialRefused(OffhookError):
    """We did not dial, on purpose. Nothing has rung."""

    code = "dial_refused"


class DoubleDial(DialRefused):
    """The callee is being called from this line, or was called so recently that this may be a mistake."""

    code = "double_dial"


class TooManyCalls(DialRefused):
    """The phone's limit of calls at once is reached."""

    code = "too_many_calls"


class Overloaded(DialRefused):
    """The event loop is too late or too busy for one more call: it would harm the audio of the calls that are up."""

    code = "overloaded"


class DialForbidden(DialRefused):
    """A plugin that was asked before dialling refused the call, or failed."""

    code = "dial_forbidden"


class WaitTimeout(OffhookError, TimeoutError):
    """What a program waited for did not happen within its `timeout_s`. The wait changed nothing."""

    code = "wait_timeout"


class PluginError(OffhookError):
    """A plugin raised an error of its own, hung, or returned something unusable.

    Args:
        plugin: which plugin, with its distribution where that is known.
        hook: the hook, the factory, or the method of a part that the plugin made.
        problem: what the plugin did.
        see: the page for the plugin's author, as an argument of ``offhook docs``; only for mistakes in code.
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
        may_have_rung: whether the callee may have been rung despite the error; False if the callee surely was not rung.
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
    """The answer to a request was lost: the callee may have been rung. offhook never sends the request again."""

    code = "start_ambiguous"

    def __init__(self, message: str) -> None:
        super().__init__(message, may_have_rung=True)


class GrantUnavailable(CarrierError):
    """No plugin returned a fresh grant for a call that is up."""

    code = "grant_unavailable"


class TransportError(OffhookError):
    """The channel cannot be used."""

    code = "transport"


class TransportUnavailable(TransportError):
    """The transport cannot work here; found out before anything rings."""

    code = "transport_unavailable"


class TransportNotSetUp(TransportUnavailable):
    """The transport cannot work with these settings, with these files, or with what is installed on this machine."""

    code = "transport_not_set_up"


class JoinFailed(TransportError):
    """The channel did not let us in."""

    code = "join_failed"


class TokenRejected(JoinFailed):
    """The channel refused the grant's token; `reason` is Agora's connection-changed reason (8 invalid, 9 expired)."""

    code = "token_rejected"

    def __init__(self, message: str, reason: int) -> None:
        super().__init__(message)
        self.reason = reason


class JoinTimeout(JoinFailed):
    """The channel did not answer in time."""

    code = "join_timeout"


if not TYPE_CHECKING:  # to type checkers, a module with this function has every name

    def __getattr__(name: str) -> object:
        if name != "RecordingError":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        warnings.warn(
            "offhook.errors.RecordingError is called StorageError now, and is not a ConfigError any more. The old name "
            "ends with the next version of offhook",
            DeprecationWarning,
            stacklevel=2,
        )
        return StorageError
