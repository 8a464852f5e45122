"""Secrets for one-time passwords, which an agent uses in place of an authenticator app, and their codes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, cast

from offhook.errors import ConfigError
from offhook.interfaces import iso_8601
from offhook.session import Grade
from offhook_mockserver.faces.operations.fields import Field, Fields
from offhook_mockserver.faces.operations.kinds import Kind, WrongValue, one_of, text, whole
from offhook_mockserver.faces.operations.shapes import OK, TEXT, TIME, WHOLE, a_list, about, an_object, choice
from offhook_mockserver.faces.refusals import ApiRefusal, RequestRefused
from offhook_mockserver.faces.sendblue.bounded import NOT_FOUND, within_bounds
from offhook_mockserver.faces.sendblue.operation import Operation
from offhook_mockserver.tenants.account.table import AccountFull
from offhook_mockserver.tenants.account.totp import ALGORITHMS, DIGITS, LONGEST_PERIOD_S, MOST_SECRET, read_uri

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook_mockserver.faces.operations.kinds import Schema
    from offhook_mockserver.faces.sendblue.operation import Asked
    from offhook_mockserver.tenants.account.totp import TotpSecret


_SDK: Final = "Python SDK 1.33.0"
_MOST_NAME: Final = 200
BAD_SECRET: Final = ApiRefusal(400, Grade.ASSUMED)
_LISTED: Final[Mapping[str, Schema]] = {
    "id": TEXT,
    "algorithm": choice(*ALGORITHMS),
    "created_at": TIME,
    "digits": {"type": "integer", "enum": list(DIGITS)},
    "issuer": TEXT,
    "label": TEXT,
    "period": about(WHOLE, "How many seconds a code is valid."),
}
_ID: Final = Fields(Field("secret_id", text(least=1, most=200), required=True))


def _read_digits(value: object, name: str) -> object:
    if isinstance(value, bool) or value not in DIGITS:
        raise WrongValue(f"{name} must be {' or '.join(map(str, DIGITS))}")
    return int(cast("float", value))


_PERIOD: Final = whole(least=1, most=LONGEST_PERIOD_S)
_BODY: Final = Fields(
    Field(
        "uri",
        text(least=1, most=2_048, pattern="otpauth://totp/.+", hint="pass the otpauth URI of a QR code"),
        summary="An otpauth URI, as in a QR code. It overrides all other fields.",
        secret=True,
    ),
    Field("label", text(most=_MOST_NAME), summary="What the secret is for; needed unless there is a uri."),
    Field(
        "secret",
        text(least=1, most=MOST_SECRET, pattern="[A-Za-z2-7 =-]+", hint="pass a secret in base32"),
        summary="The secret in base32; by default, a new one.",
        secret=True,
    ),
    Field("issuer", text(most=_MOST_NAME), default="", summary="Whose service it is for."),
    Field("algorithm", one_of(*ALGORITHMS), default="SHA1"),
    Field(
        "digits",
        Kind(schema={"type": "integer", "enum": list(DIGITS)}, read=_read_digits, hint="pass 6 or 8"),
        default=DIGITS[0],
    ),
    Field(
        "period",
        # The tests of the SDK send 0 as a placeholder.
        replace(_PERIOD, relaxed=whole(least=0, most=LONGEST_PERIOD_S).read),
        default=30,
        summary="How many seconds a code is valid.",
    ),
    any_of=("label", "uri"),
)


def operations() -> tuple[Operation, ...]:
    """The operations on secrets, and their codes."""
    return (
        Operation(
            method="POST",
            path="/api/v2/totp/secrets",
            summary="Store a secret; it is shown this once.",
            grade=Grade.OBSERVED,
            source=_SDK,
            body=_BODY,
            answer=an_object(
                {"status": OK, "totp_secret": an_object({**_LISTED, "secret": about(TEXT, "The secret in base32.")})}
            ),
            handle=_create,
        ),
        Operation(
            method="GET",
            path="/api/v2/totp/secrets",
            summary="All secrets, without the secrets themselves.",
            grade=Grade.OBSERVED,
            source=_SDK,
            answer=an_object({"status": OK, "totp_secrets": a_list(an_object(_LISTED))}),
            handle=lambda asked: {
                "status": "OK",
                "totp_secrets": [_listed(secret) for secret in asked.tenant.account.totp],
            },
        ),
        Operation(
            method="DELETE",
            path="/api/v2/totp/secrets/{secret_id}",
            summary="Delete a secret.",
            grade=Grade.OBSERVED,
            source=_SDK,
            parameters=_ID,
            answer=an_object({"status": OK}),
            handle=_delete,
        ),
        Operation(
            method="GET",
            path="/api/v2/totp/code/{secret_id}",
            summary="The code of a secret at this time, by the clock of the tenant (RFC 6238).",
            grade=Grade.OBSERVED,
            source=_SDK,
            parameters=_ID,
            answer=an_object(
                {"status": OK, "code": TEXT, "expires_in": about(WHOLE, "How many seconds the code is valid.")}
            ),
            handle=_code,
        ),
    )


def _create(asked: Asked) -> object:
    parts: dict[str, Any] = {name: asked.body[name] for name in ("issuer", "algorithm", "digits", "period")}
    parts |= {"label": asked.body.get("label", ""), "secret": asked.body.get("secret")}
    totp = asked.tenant.account.totp
    with within_bounds():
        try:
            if "uri" in asked.body:
                read = read_uri(cast("str", asked.body["uri"]))
                parts = {name: getattr(read, name) for name in read.__slots__}
            made = totp.create(**parts)
        except AccountFull:
            raise
        except ConfigError as error:
            if not asked.lenient:
                raise RequestRefused(BAD_SECRET, error.message) from None
            made = totp.create(label=cast("str", asked.body.get("label", "")))
    return {"status": "OK", "totp_secret": {**_listed(made), "secret": made.secret.reveal()}}


def _delete(asked: Asked) -> object:
    _found(asked)
    asked.tenant.account.totp.delete(cast("str", asked.parameters["secret_id"]))
    return {"status": "OK"}


def _code(asked: Asked) -> object:
    secret, wall_s = _found(asked), asked.tenant.clock.wall_s()
    return {"status": "OK", "code": secret.code(wall_s), "expires_in": secret.expires_in(wall_s)}


def _found(asked: Asked) -> TotpSecret:
    totp, id = asked.tenant.account.totp, cast("str", asked.parameters["secret_id"])
    secret = totp.get(id)
    if secret is None and asked.lenient:
        with within_bounds():
            secret = totp.create(id=id)
    if secret is None:
        raise RequestRefused(NOT_FOUND, "this account has no TOTP secret with that id")
    return secret


def _listed(secret: TotpSecret) -> dict[str, object]:
    return {
        "id": secret.id,
        "algorithm": secret.algorithm,
        "created_at": iso_8601(secret.created_s),
        "digits": secret.digits,
        "issuer": secret.issuer,
        "label": secret.label,
        "period": secret.period,
    }
