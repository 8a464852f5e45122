"""Judges Sendblue's answer to start-call. Pure.

The body of a success is documented; that of an error is not. The meaning of each status is a careful guess, so
messages say "may".
"""

from __future__ import annotations

import email.utils
import re
from typing import TYPE_CHECKING, Final, NoReturn, cast

from offhook.errors import (
    CarrierError,
    CarrierProtocolError,
    CarrierUnavailable,
    CredentialsRejected,
    RateLimited,
    RequestRejected,
)
from offhook.interfaces import Grant, mask
from offhook.secret import MASK, Secret, redact
from offhook_sendblue.auth import KEY_HEADER, KEY_VARIABLE, SECRET_HEADER, SECRET_VARIABLE
from offhook_wire.access_token import TokenInvalid, parse
from offhook_wire.strict_json import WHOLE, ProtocolError, load_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook_sendblue.exchange import HttpAnswer

FROM_NUMBER_VARIABLE: Final = "OFFHOOK_FROM_NUMBER"
#: The longest wait accepted from a Retry-After header, in seconds.
MAX_RETRY_AFTER_S: Final = 3600.0
#: Characters of a carrier's text that go into a message.
_EXCERPT: Final = 200
_MAX_CHANNEL: Final = 256
_MAX_TOKEN: Final = 4096
_APP_ID: Final = re.compile(r"[0-9a-fA-F]{32}")
_TOKEN: Final = re.compile(r"[!-~]+")
_SECONDS: Final = re.compile(r"[+-]?[0-9]{1,30}")
#: Long runs without a blank in a carrier's text may be a token that is not registered as a secret.
_OPAQUE: Final = re.compile(r"[A-Za-z0-9+/=_-]{24,}")
#: What may be a telephone number in a carrier's text, which often repeats the number that it rejects.
_NUMBER: Final = re.compile(r"\+[1-9][0-9]{6,14}|(?<![0-9])[1-9][0-9]{9,14}(?![0-9])")
#: How a carrier's text names the number that is called from.
_FROM_NUMBER: Final = re.compile(r"from[ _-]?number", re.IGNORECASE)
#: For messages when the request was sent and the answer does not say that it was refused.
_MAY_HAVE_RUNG: Final = " The callee's phone may have rung: check it before you dial again."
_NO_LINE: Final = " It may also mean that the account has no FaceTime line; Sendblue's sales team adds one."


#: Where the keys come from by default, for messages.
KEYS_FROM: Final = f"{KEY_VARIABLE} and {SECRET_VARIABLE}"


def grant_of(answer: HttpAnswer, *, endpoint: str | None, now_s: float, keys_from: str = KEYS_FROM) -> Grant:
    """Return the grant in a complete answer.

    Args:
        answer: the answer to start-call.
        endpoint: where to join the grant's channel.
        now_s: seconds since 1970, for a Retry-After that is a date.
        keys_from: where the keys of the request came from, for messages.

    Raises:
        CarrierError: the answer has no grant; the class says what to do.
    """
    try:
        return _judge(answer, endpoint, now_s, keys_from)
    except CarrierError as error:
        problem = error
    # Raised again from here: the frames that raised the error hold the token in the clear, and tools print frames.
    raise problem.with_traceback(None)


def _judge(answer: HttpAnswer, endpoint: str | None, now_s: float, keys_from: str) -> Grant:
    if not 200 <= answer.status < 300:
        _refuse(answer, now_s, keys_from)
    if answer.oversized:
        raise _unreadable(f"the answer (HTTP {answer.status}) is too large for an answer to start-call")
    body = _json_object(answer)
    status = body.get("status")
    if not isinstance(status, str):
        raise _wrong("status", 'is not the text "OK"')
    if status != "OK":
        raise RequestRejected(
            f"the carrier refused the call with status {_excerpt(status)!r}{_suffix_of(body)}: check the number "
            f"you call and {FROM_NUMBER_VARIABLE}, which must be a FaceTime line of your account"
        )
    agora = body.get("agora")
    if not isinstance(agora, dict):
        raise _wrong("agora", "is missing or is not an object")
    return _grant(cast("dict[str, object]", agora), endpoint)


def retry_after_s(value: str | None, now_s: float) -> float | None:
    """Return the wait that a Retry-After header asks for (RFC 9110, section 10.2.3), limited to 0 s to 1 h.

    None without a header, and for one that is neither seconds nor a date.
    """
    if value is None:
        return None
    seconds = value.strip()  # also of control characters, which float() does not ignore
    if _SECONDS.fullmatch(seconds):
        wait_s = float(seconds)
    else:
        try:
            wait_s = email.utils.parsedate_to_datetime(value).timestamp() - now_s
        except (ValueError, OverflowError):
            return None
    return min(max(wait_s, 0.0), MAX_RETRY_AFTER_S)


def _refuse(answer: HttpAnswer, now_s: float, keys_from: str) -> NoReturn:
    status, suffix = answer.status, message_suffix(answer)
    if status < 400:
        raise CarrierProtocolError(
            f"the carrier answered HTTP {status}, which is a redirect or not a final answer. It is not followed, "
            "because the keys are only for the configured host: check SENDBLUE_API_BASE_URL."
            f"{_MAY_HAVE_RUNG}",
            may_have_rung=True,
        )
    hint = _NO_LINE if status in {402, 403, 404, 501} else ""
    if status in {401, 403}:
        raise CredentialsRejected(
            f"the carrier does not accept the keys (HTTP {status}){suffix}: check the headers {KEY_HEADER} and "
            f"{SECRET_HEADER}, from {keys_from}.{hint}"
        )
    if status == 429:
        wait_s = retry_after_s(answer.headers.get("retry-after"), now_s)
        when = "later" if wait_s is None else f"in {wait_s:.0f} s"
        raise RateLimited(f"the carrier asks for fewer calls (HTTP 429){suffix}: dial again {when}", wait_s)
    if status >= 500:
        raise CarrierUnavailable(
            f"the carrier failed (HTTP {status}){suffix}. The request was not repeated.{_MAY_HAVE_RUNG}{hint}",
            may_have_rung=True,
        )
    if status == 408:
        # The server gave up on the request, and may have acted on the part that it had read.
        raise RequestRejected(
            f"the carrier gave up on the request (HTTP 408){suffix}. The request was not repeated.{_MAY_HAVE_RUNG}",
            may_have_rung=True,
        )
    if status == 404:
        hint = " Is SENDBLUE_API_BASE_URL right?" + hint
    if status == 400 and names_from_number(suffix):
        hint = f" Call from one of your FaceTime lines: set {FROM_NUMBER_VARIABLE}, or pass from_number (--from)."
    raise RequestRejected(f"the carrier refused the call (HTTP {status}){suffix}.{hint}")


def names_from_number(text: str) -> bool:
    """Whether the text of a refusal is about the number that is called from."""
    return _FROM_NUMBER.search(text) is not None


def _grant(agora: Mapping[str, object], endpoint: str | None) -> Grant:
    app_id, channel, token, uid = (agora.get(name) for name in ("appId", "channelName", "token", "uid"))
    if not isinstance(app_id, str) or not _APP_ID.fullmatch(app_id):
        raise _wrong("agora.appId", "is not 32 hex digits")
    if not isinstance(channel, str) or not 0 < len(channel) <= _MAX_CHANNEL or not channel.isprintable():
        raise _wrong("agora.channelName", f"is not a text of 1 to {_MAX_CHANNEL} printable characters")
    if not isinstance(token, str) or len(token) > _MAX_TOKEN or not _TOKEN.fullmatch(token):
        raise _wrong("agora.token", f"is not a text of 1 to {_MAX_TOKEN} printable characters")
    if isinstance(uid, bool) or not isinstance(uid, int) or not 0 <= uid < 2**32:
        raise _wrong("agora.uid", "is not an integer from 0 to 4294967295")
    return Grant(app_id, channel, Secret(token), uid, endpoint, _expiry(token))


def _expiry(token: str) -> float | None:
    """Return when the token expires; None for a token in a format that we cannot read, which is not an error here."""
    try:
        return float(parse(token).expires_at_s)
    except TokenInvalid:
        return None


def _wrong(path: str, problem: str) -> CarrierProtocolError:
    # The value is omitted: near `agora.token` it could be the token.
    return CarrierProtocolError(
        f"the carrier's answer is not the documented one: {path} {problem}.{_MAY_HAVE_RUNG}", may_have_rung=True
    )


def _unreadable(problem: str) -> CarrierProtocolError:
    return CarrierProtocolError(f"{problem}. Is the base URL Sendblue's?{_MAY_HAVE_RUNG}", may_have_rung=True)


def _json_object(answer: HttpAnswer) -> dict[str, object]:
    encoding = answer.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise _unreadable(f"the carrier's answer is compressed ({_excerpt(encoding)}), which was not requested")
    body = read_object(answer.body)
    if isinstance(body, str):
        raise _unreadable(
            f"the carrier's answer (HTTP {answer.status}) {body}: it begins "
            f"{_excerpt(answer.body.decode('utf-8', 'replace'))!r}"
        )
    return body


def read_object(body: bytes) -> dict[str, object] | str:
    """Return the JSON object in a body, or what is wrong with it.

    Returned and not raised: the error hangs on to the frames of the parser, which hold the token.
    """
    try:
        return load_object(body)
    except ProtocolError as error:
        if error.field == WHOLE:
            return "is not a JSON object"
        return f"has a field twice ({_excerpt(error.field)!r})"  # any text may be a name, a token too


def message_suffix(answer: HttpAnswer) -> str:
    """Return what the body of a refusal says, in any of the forms that Sendblue's own clients look for, or nothing."""
    body = read_object(answer.body)
    if not isinstance(body, str):
        return _suffix_of(body)
    text = _excerpt(answer.body.decode("utf-8", "replace"))
    return f", saying {text!r}" if text else ""


def _suffix_of(body: Mapping[str, object]) -> str:
    places = [body.get("message"), body.get("error"), body.get("error_message")]
    if isinstance(places[1], dict):
        places.append(cast("dict[str, object]", places[1]).get("message"))
    for text in places:
        if isinstance(text, str) and text.strip():
            return f", saying {_excerpt(text)!r}"
    return ""


def _excerpt(text: str) -> str:
    # Redacted before it is cut: half a secret would not be recognised.
    clean = _OPAQUE.sub(MASK, redact(text[: 64 * 1024]))
    clean = _NUMBER.sub(lambda found: mask(found[0]), clean)
    return " ".join("".join(c if c.isprintable() else " " for c in clean[: 4 * _EXCERPT]).split())[:_EXCERPT]
