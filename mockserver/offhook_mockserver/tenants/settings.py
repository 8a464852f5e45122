"""How a tenant's calls behave where Sendblue's documentation does not say it, and how much one tenant may use."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import Enum
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import urlsplit

from offhook.arguments import check_flag, check_instance, check_number, check_seconds, check_text, check_whole, wrong
from offhook.errors import ConfigError
from offhook.interfaces import is_loopback
from offhook.wording import nearest_name
from offhook_mockserver.tenants.journal import MOST_BYTES, MOST_ENTRIES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Self

    from offhook_mockserver.tenants.entry import Json

#: pytest shows the line of the test, and none of ours.
__tracebackhide__: Final = True


_E = TypeVar("_E", bound=Enum)

#: The longest stretch of audio that is kept of one call, in seconds.
_MOST_AUDIO_S: Final = 3600.0


class BridgeJoins(Enum):
    """When the bridge between FaceTime and the channel joins the channel."""

    #: It is in the channel while the callee's device rings, and publishes at the answer.
    RINGING = "ringing"
    #: It joins at the answer.
    ANSWER = "answer"


class ErrorBody(Enum):
    """The shape of a refusal's body. Sendblue's APIs use all four; which of them start-call uses is not documented."""

    #: ``{"status": "ERROR", "message": "…"}``, as below ``/api``.
    STATUS_MESSAGE = "status_message"
    #: ``{"error": "…"}``, as in some older APIs.
    ERROR = "error"
    #: ``{"status": "ERROR", "error_code": 400, "error_message": "…"}``, as for messages.
    ERROR_MESSAGE = "error_message"
    #: ``{"error": {"code": 400, "message": "…"}}``, as below ``/v3``.
    NESTED = "nested"


@dataclass(slots=True, kw_only=True)
class TenantSettings:
    """How a tenant's calls behave where Sendblue's documentation does not say it. All of these are assumed.

    Attributes:
        token_life_s: how long a grant's token is valid. Sendblue documents only that tokens are time-limited.
        max_call_s: how long a call may last, ringing included.
        join_window_s: how long after start-call a caller may join; then the call is given up.
        grace_s: how long a caller that dropped may be away.
        lost_after_s: how long a channel keeps a member whose connection is lost, before it counts as dropped.
        bridge_joins: when the callee's side joins the channel: a `BridgeJoins` or its value.
        caller_leaving_ends_call: whether the callee's call ends when the caller leaves the channel. If not, the callee
            goes on, and may go on ringing, until its script hangs up or `max_call_s` is over.
        error_body: the shape of refusals: an `ErrorBody` or its value.
        call_log: whether a ``call_log`` event is sent when a call ends, even if no webhook wants it: then it is an
            entry of the journal alone.
        call_log_reasons: whether its `disposition` may be ``declined`` or ``busy``, beside the documented values.
        webhook_url: a webhook for ``call_log`` events that is not registered over the API: an http URL at a loopback
            address, or empty.
        webhook_attempts: how often a webhook is posted until a receiver answers with 2xx.
        webhook_backoff_s: about how long after the first attempt the second follows; each further pause is doubled, to
            300 s at most, and a pause may be half of that longer or shorter.
        webhook_timeout_s: how long a receiver may take to answer.
        webhook_deadline_s: how long after its event a webhook is attempted.
        webhook_https_only: whether webhooks can be registered only with https URLs.
        webhook_signature: whether webhooks with a secret also have the header ``X-Sendblue-Signature``.
        lenient: whether the API accepts placeholders, for example ``"string"`` for a number, makes what they name, and
            answers operations of which it keeps no state.
        keep_audio_s: how much sound of each direction of a call is kept in memory, in seconds, without silence; 0
            keeps nothing.

    Raises:
        ConfigError: one of them is of the wrong type or out of range, here or when it is assigned later; `token_life_s`
            must be a whole number of at least 1.
    """

    token_life_s: int = 3600
    max_call_s: float = 3600.0
    join_window_s: float = 60.0
    grace_s: float = 5.0
    lost_after_s: float = 10.0
    bridge_joins: BridgeJoins | str = BridgeJoins.ANSWER
    caller_leaving_ends_call: bool = True
    error_body: ErrorBody | str = ErrorBody.STATUS_MESSAGE
    call_log: bool = False
    call_log_reasons: bool = False
    webhook_url: str = ""
    webhook_attempts: int = 3
    webhook_backoff_s: float = 1.0
    webhook_timeout_s: float = 10.0
    webhook_deadline_s: float = 3600.0
    webhook_https_only: bool = False
    webhook_signature: bool = False
    lenient: bool = False
    keep_audio_s: float = 0.0

    if not TYPE_CHECKING:  # else type checkers would accept an assignment to any name

        def __setattr__(self, name: str, value: object) -> None:
            """Check a setting whenever it is assigned, not only when the settings are made."""
            if name not in _CHECKS:
                near = nearest_name(name, _CHECKS)
                raise AttributeError(f"TenantSettings has no setting {name!r}{near}", name=name, obj=self)
            object.__setattr__(self, name, _CHECKS[name](value))

    def to_json(self) -> dict[str, Json]:
        """The settings as an object of JSON."""
        return {item.name: _plain(getattr(self, item.name)) for item in fields(self)}

    @classmethod
    def from_json(cls, document: Mapping[str, Json]) -> Self:
        """The settings that `to_json` returned.

        Raises:
            ConfigError: it has an unknown name, or a value that is not valid.
        """
        return cls(**known(document, {item.name for item in fields(cls)}, "settings"))  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantBounds:
    """How much one tenant may use, so that it cannot starve another.

    Attributes:
        calls: calls at once; each has a channel. A further one is refused with HTTP 503.
        members: members in all its channels together, callees included. A further one may not join.
        journal_entries: entries that its journal keeps.
        journal_bytes: about how many bytes these may take.
        webhooks: deliveries of webhooks that may wait at once. The oldest is dropped for a further one.

    Raises:
        ConfigError: one of them is not a whole number of at least 1.
    """

    calls: int = 1000
    members: int = 2000
    journal_entries: int = MOST_ENTRIES
    journal_bytes: int = MOST_BYTES
    webhooks: int = 10_000

    def __post_init__(self) -> None:
        for item in fields(self):
            check_whole(getattr(self, item.name), item.name, least=1)

    def to_json(self) -> dict[str, Json]:
        """The bounds as an object of JSON."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    @classmethod
    def from_json(cls, document: Mapping[str, Json]) -> Self:
        """The bounds that `to_json` returned.

        Raises:
            ConfigError: it has an unknown name, or a value that is not valid.
        """
        return cls(**known(document, {item.name for item in fields(cls)}, "bounds"))  # type: ignore[arg-type]


def check_keep_audio(given: object) -> float:
    """Check how much audio of a call is to be kept, in seconds.

    Raises:
        ConfigError: it is not a number of seconds from 0 to 3600.
    """
    return check_number(given, "keep_audio_s", least=0, most=_MOST_AUDIO_S, unit="seconds")


def check_tenant_settings(given: object, name: str = "settings") -> TenantSettings:
    """Check an argument that must be `TenantSettings`.

    Raises:
        ConfigError: it is something else.
    """
    return check_instance(given, name, TenantSettings, "TenantSettings(...)")


def check_tenant_bounds(given: object, name: str = "bounds") -> TenantBounds:
    """Check an argument that must be `TenantBounds`.

    Raises:
        ConfigError: it is something else.
    """
    return check_instance(given, name, TenantBounds, "TenantBounds(...)")


def known(document: object, names: set[str], what: str) -> dict[str, object]:
    """An object of an exported document, whose names are all known.

    Raises:
        ConfigError: it is not an object, or a name is unknown.
    """
    if not isinstance(document, dict):
        raise wrong(f"{what} of the document", "an object", document)
    for name in document:  # pyright: ignore[reportUnknownVariableType]
        if name not in names:
            near = nearest_name(str(name), names)  # pyright: ignore[reportUnknownArgumentType]
            raise ConfigError(f"{what} of the document has the unknown name {name!r}{near}")
    return document  # pyright: ignore[reportUnknownVariableType]


def _choice(given: object, name: str, enum: type[_E]) -> _E:
    """A member of an enumeration, which settings may also name by its value."""
    if isinstance(given, enum):
        return given
    values = [str(member.value) for member in enum]
    if isinstance(given, str) and given in values:
        return enum(given)
    near = nearest_name(given, values).removeprefix("; ").capitalize() if isinstance(given, str) else ""
    raise wrong(name, "one of " + ", ".join(values), given, near)


def _token_life_s(given: object) -> int:
    whole = int(given) if isinstance(given, float) and given.is_integer() else given
    return check_whole(whole, "token_life_s", least=1, most=0xFFFFFFFF, unit="seconds")


def _webhook_url(given: object) -> str:
    url = check_text(given, "webhook_url")
    if not url:
        return url
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = None, None
    if parts is None or parts.scheme != "http" or not is_loopback(url) or port == 0 or parts.username is not None:
        raise wrong("webhook_url", "an http URL at a loopback address, such as http://127.0.0.1:8000/events", url)
    return url


def _seconds(name: str) -> Callable[[object], object]:
    return lambda given: check_seconds(given, name, zero=True)


#: For each setting: checks what is assigned to it, and returns what is kept.
_CHECKS: Final[Mapping[str, Callable[[object], object]]] = {
    "token_life_s": _token_life_s,
    "max_call_s": _seconds("max_call_s"),
    "join_window_s": _seconds("join_window_s"),
    "grace_s": _seconds("grace_s"),
    "lost_after_s": _seconds("lost_after_s"),
    "bridge_joins": lambda given: _choice(given, "bridge_joins", BridgeJoins),
    "caller_leaving_ends_call": lambda given: check_flag(given, "caller_leaving_ends_call"),
    "error_body": lambda given: _choice(given, "error_body", ErrorBody),
    "call_log": lambda given: check_flag(given, "call_log"),
    "call_log_reasons": lambda given: check_flag(given, "call_log_reasons"),
    "webhook_url": _webhook_url,
    "webhook_attempts": lambda given: check_whole(given, "webhook_attempts", least=1, most=1000),
    "webhook_backoff_s": _seconds("webhook_backoff_s"),
    "webhook_timeout_s": lambda given: check_seconds(given, "webhook_timeout_s"),
    "webhook_deadline_s": _seconds("webhook_deadline_s"),
    "webhook_https_only": lambda given: check_flag(given, "webhook_https_only"),
    "webhook_signature": lambda given: check_flag(given, "webhook_signature"),
    "lenient": lambda given: check_flag(given, "lenient"),
    "keep_audio_s": check_keep_audio,
}


def _plain(value: object) -> Json:
    return value.value if isinstance(value, Enum) else value  # type: ignore[return-value]
