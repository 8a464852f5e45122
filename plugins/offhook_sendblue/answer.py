"""Judges Sendblue's answer to start-call. Pure.

The success body is documented; no error body is. What a status means here is what careful users of the API read into
it, so messages say "may".
"""

from __future__ import annotations

import email.utils
import json
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

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook_sendblue.exchange import HttpAnswer

FROM_NUMBER_VARIABLE: Final = "OFFHOOK_FROM_NUMBER"
#: Longest wait that a Retry-After header is believed to ask for, in seconds.
MAX_RETRY_AFTER_S: Final = 3600.0
#: Characters of a carrier's text that go into a message.
_EXCERPT: Final = 200
_MAX_CHANNEL: Final = 256
_MAX_TOKEN: Final = 4096
_APP_ID: Final = re.compile(r"[0-9a-fA-F]{32}")
_TOKEN: Final = re.compile(r"[!-~]+")
_SECONDS: Final = re.compile(r"[+-]?[0-9]{1,30}")
#: Long runs without a blank in a carrier's text may be a token that nobody has registered as a secret.
_OPAQUE: Final = re.compile(r"[A-Za-z0-9+/=_-]{24,}")
#: What may be a telephone number in a carrier's text, which likes to repeat the one that it refuses.
_NUMBER: Final = re.compile(r"\+[1-9][0-9]{6,14}|(?<![0-9])[1-9][0-9]{9,14}(?![0-9])")
#: How a carrier's text names the number that is called from.
_FROM_NUMBER: Final = re.compile(r"from[ _-]?number", re.IGNORECASE)
#: The request left and nothing says that it was refused.
_MAY_HAVE_RUNG: Final = " The callee may have been rung: look at the phone before you dial once more."
_NO_LINE: Final = " It may also mean that the account has no FaceTime line; Sendblue's sales team adds one."


#: Where the keys come from unless a phone is told otherwise, for messages.
_VARIABLES: Final = f"{KEY_VARIABLE} and {SECRET_VARIABLE}"


def grant_of(answer: HttpAnswer, *, endpoint: str | None, now_s: float, keys_from: str = _VARIABLES) -> Grant:
    """The grant in a whole answer.

    Args:
        answer: what came back.
        endpoint: where such grants are joined.
        now_s: seconds since 1970, for a Retry-After that is a date.
        keys_from: where the keys of the request came from.

    Raises:
        CarrierError: there is none; the class says whose move it is.
    """
    try:
        return _judge(answer, endpoint, now_s, keys_from)
    except CarrierError as error:
        problem = error
    # Raised anew from here: the frames in which it was found hold the token in clear, and tools print frames.
    raise problem.with_traceback(None)


def _judge(answer: HttpAnswer, endpoint: str | None, now_s: float, keys_from: str) -> Grant:
    if not 200 <= answer.status < 300:
        _refuse(answer, now_s, keys_from)
    if answer.oversized:
        raise _unreadable(f"the answer (HTTP {answer.status}) is larger than any answer to start-call")
    body = _json_object(answer)
    status = body.get("status")
    if not isinstance(status, str):
        raise _wrong("status", 'is not the text "OK"')
    if status != "OK":
        raise RequestRejected(
            f"the carrier refused the call with status {_excerpt(status)!r}{_told(body)}: check the number you call "
            f"and {FROM_NUMBER_VARIABLE}, which must be a FaceTime line of your account"
        )
    agora = body.get("agora")
    if not isinstance(agora, dict):
        raise _wrong("agora", "is missing or no object")
    return _grant(cast("dict[str, object]", agora), endpoint)


def retry_after_s(value: str | None, now_s: float) -> float | None:
    """The wait that a Retry-After header asks for (RFC 9110, section 10.2.3), held between 0 and an hour.

    None when there is none, or when it is neither seconds nor a date.
    """
    if value is None:
        return None
    if _SECONDS.fullmatch(value.strip()):
        wait_s = float(value)
    else:
        try:
            wait_s = email.utils.parsedate_to_datetime(value).timestamp() - now_s
        except (ValueError, OverflowError):
            return None
    return min(max(wait_s, 0.0), MAX_RETRY_AFTER_S)


def _refuse(answer: HttpAnswer, now_s: float, keys_from: str) -> NoReturn:
    status, told = answer.status, _told_by(answer)
    if status < 400:
        raise CarrierProtocolError(
            f"the carrier answered with a redirect or nothing final (HTTP {status}), which is not followed, because "
            f"the keys are for the configured host alone: check SENDBLUE_API_BASE_URL.{_MAY_HAVE_RUNG}",
            may_have_rung=True,
        )
    hint = _NO_LINE if status in {402, 403, 404, 501} else ""
    if status in {401, 403}:
        raise CredentialsRejected(
            f"the carrier does not accept the keys (HTTP {status}){told}: check the headers {KEY_HEADER} and "
            f"{SECRET_HEADER}, from {keys_from}.{hint}"
        )
    if status == 429:
        wait_s = retry_after_s(answer.headers.get("retry-after"), now_s)
        when = "later" if wait_s is None else f"in {wait_s:.0f} s"
        raise RateLimited(f"the carrier asks for fewer calls (HTTP 429){told}: dial again {when}", wait_s)
    if status >= 500:
        raise CarrierUnavailable(
            f"the carrier is failing (HTTP {status}){told}. It was not asked again.{_MAY_HAVE_RUNG}{hint}",
            may_have_rung=True,
        )
    if status == 408:
        # The server gave up on the request; what it had read of it by then, it may have acted on.
        raise RequestRejected(
            f"the carrier gave up on the request (HTTP 408){told}. It was not sent again.{_MAY_HAVE_RUNG}",
            may_have_rung=True,
        )
    if status == 404:
        hint = " Is SENDBLUE_API_BASE_URL right?" + hint
    if status == 400 and _FROM_NUMBER.search(told):
        hint = f" The number you call from is what {FROM_NUMBER_VARIABLE} says: set it to a FaceTime line of yours."
    raise RequestRejected(f"the carrier refused the call (HTTP {status}){told}.{hint}")


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
    """When the token says that it ends; None when it is of a form that we cannot read, which is not our business."""
    try:
        return float(parse(token).expires_at_s)
    except TokenInvalid:
        return None


def _wrong(path: str, problem: str) -> CarrierProtocolError:
    # The value is left out: next to `agora.token` it could be the token.
    return CarrierProtocolError(
        f"the carrier's answer is not the documented one: {path} {problem}.{_MAY_HAVE_RUNG}", may_have_rung=True
    )


def _unreadable(problem: str) -> CarrierProtocolError:
    return CarrierProtocolError(f"{problem}. Is the base URL Sendblue's?{_MAY_HAVE_RUNG}", may_have_rung=True)


def _json_object(answer: HttpAnswer) -> dict[str, object]:
    encoding = answer.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise _unreadable(f"the carrier's answer is compressed ({_excerpt(encoding)}), which was not asked for")
    body = _parse(answer.body)
    if body is None:
        raise _unreadable(
            f"the carrier's answer (HTTP {answer.status}) is not a JSON object: it begins "
            f"{_excerpt(answer.body.decode('utf-8', 'replace'))!r}"
        )
    return body


def _parse(body: bytes) -> dict[str, object] | None:
    try:
        parsed: object = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, object]", parsed) if isinstance(parsed, dict) else None


def _told_by(answer: HttpAnswer) -> str:
    """What the body of a refusal says, in any of the shapes that Sendblue's own clients look for."""
    body = _parse(answer.body)
    if body is not None:
        return _told(body)
    text = _excerpt(answer.body.decode("utf-8", "replace"))
    return f", saying {text!r}" if text else ""


def _told(body: Mapping[str, object]) -> str:
    places = [body.get("message"), body.get("error"), body.get("error_message")]
    if isinstance(places[1], dict):
        places.append(cast("dict[str, object]", places[1]).get("message"))
    for text in places:
        if isinstance(text, str) and text.strip():
            return f", saying {_excerpt(text)!r}"
    return ""


def _excerpt(text: str) -> str:
    # Blacked out before it is cut: half a secret would not be recognised.
    clean = _OPAQUE.sub(MASK, redact(text[: 64 * 1024]))
    clean = _NUMBER.sub(lambda found: mask(found[0]), clean)
    return " ".join("".join(c if c.isprintable() else " " for c in clean[: 4 * _EXCERPT]).split())[:_EXCERPT]
