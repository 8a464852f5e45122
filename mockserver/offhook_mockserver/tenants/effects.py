"""What faults do, as data: to an exchange over HTTP, a grant, a channel, the media between both sides, and webhooks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook_mockserver.tenants.webhook_types import WebhookType
    from offhook_wire.impairment import Impairment


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a fault does.

    Attributes:
        lasting: whether it goes on after it was applied, until the fault is undone.
    """

    lasting: ClassVar[bool] = False


# ---- to an exchange over HTTP


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpEffect(Effect):
    """What happens to an exchange: one request and its answer.

    Attributes:
        rings: whether the request is carried out, so that the callee's phone rings.
    """

    rings: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacedAnswer(HttpEffect):
    """Another answer is sent.

    Attributes:
        status: its HTTP status.
        message: the text of an answer in the API's error shape; used if `body` is None.
        body: its body.
        media_type: the type of `body`.
        headers: further headers.
        repeat: how often the body is sent, one after the other.
        gzip: whether it is compressed.
    """

    status: int
    message: str = ""
    body: bytes | None = None
    media_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    repeat: int = 1
    gzip: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenExchange(HttpEffect):
    """The network fails. By default, nothing happens.

    Attributes:
        delay_s: the answer begins this much later.
        reset_after: the connection is reset after this many bytes of the answer's body; with 0, before the answer
            begins; None for never.
        truncated: the answer ends in the middle of its body.
        dribble_s: the body arrives byte by byte, with this pause before each.
    """

    delay_s: float = 0.0
    reset_after: int | None = None
    truncated: bool = False
    dribble_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionsRefused(Effect):
    """The server accepts no connection."""

    lasting: ClassVar[bool] = True


# ---- to a grant and its token


class GrantFlaw(StrEnum):
    """What is wrong with the grant in an answer. The member's value is its name in tests and commands."""

    MISSING_AGORA = "missing agora"
    AGORA_AS_TEXT = "agora as text"
    MISSING_APP_ID = "missing app id"
    SHORT_APP_ID = "short app id"
    MISSING_CHANNEL = "missing channel"
    EMPTY_CHANNEL = "empty channel"
    MISSING_TOKEN = "missing token"
    EMPTY_TOKEN = "empty token"
    MISSING_UID = "missing uid"
    UID_AS_TEXT = "uid as text"
    NEGATIVE_UID = "negative uid"
    HUGE_UID = "huge uid"
    EXTRA_FIELDS = "extra fields"


class TokenFlaw(StrEnum):
    """What is wrong with a grant's token."""

    EXPIRED = "expired"
    FORGED = "forged"
    OTHER_CHANNEL = "other channel"
    OTHER_UID = "other uid"
    OTHER_APP = "other app"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlawedGrant(Effect):
    """The answer to a request that was carried out has a flaw."""

    flaw: GrantFlaw


@dataclass(frozen=True, slots=True, kw_only=True)
class FlawedToken(Effect):
    """The grant has another token.

    Attributes:
        flaw: what is wrong with it; None if it only has another life.
        life_s: how long it is valid; None for the tenant's setting.
    """

    flaw: TokenFlaw | None
    life_s: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalRefused(Effect):
    """The channel refuses a fresh token."""


# ---- to a channel


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinHeld(Effect):
    """A join gets no answer before the fault is undone."""

    lasting: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientEffect(Effect):
    """Something happens to a client that has joined.

    Attributes:
        after_s: when, after the join; for a client that is in the channel already, after the fault was made.
    """

    after_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Kicked(ClientEffect):
    """The channel removes the client.

    Attributes:
        reason: the reason that the client receives.
    """

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UidTaken(ClientEffect):
    """Another client joins with the client's uid, which removes the client.

    Attributes:
        stays_s: how long the other client stays.
    """

    stays_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelClosed(ClientEffect):
    """The channel is closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelMissing(Effect):
    """The channel is closed before anyone joins it."""


# ---- to media


class MediaDirection(StrEnum):
    """Whose audio is impaired."""

    TO_CALLER = "to_caller"
    TO_CALLEE = "to_callee"
    BOTH = "both"


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaImpaired(Effect):
    """The network between a client and its channel is bad.

    Attributes:
        direction: the direction in which it is bad.
        make: makes the impairment of one client in one direction from a seed.
        seed: the seed of the fault, to which the client's number and the direction are added; None for the fault's id.
        for_s: how long it lasts, from its first application; None until the fault is undone.
        cut: whether nothing passes at all, so that no client can join either.
    """

    lasting: ClassVar[bool] = True

    direction: MediaDirection
    make: Callable[[str], Impairment]
    seed: str | int | None
    for_s: float | None
    cut: bool = False


# ---- to webhooks


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEffect(Effect):
    """Something happens to webhooks.

    Attributes:
        type: the type of the events that it happens to; None for all.
    """

    type: WebhookType | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookLate(WebhookEffect):
    """A webhook is late, and those after it do not wait for it.

    Attributes:
        by_s: by how many seconds.
    """

    by_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookLost(WebhookEffect):
    """A webhook is never posted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDoubled(WebhookEffect):
    """A webhook is delivered twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookOvertaken(WebhookEffect):
    """A webhook is delivered after the next one to the same URL.

    Attributes:
        within_s: how long it waits for that one.
    """

    within_s: float
