"""Temporary bearer tokens: ``POST /v3/auth/tokens`` and ``DELETE /v3/auth/tokens/{token_id}``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from offhook.errors import ConfigError
from offhook.interfaces import iso_8601
from offhook.session import Grade
from offhook_mockserver.faces.operations.fields import Field, Fields
from offhook_mockserver.faces.operations.kinds import e164_number, list_of, text, whole
from offhook_mockserver.faces.operations.shapes import TEXT, TIME, a_list, about, an_object
from offhook_mockserver.faces.refusals import ApiRefusal, RequestRefused
from offhook_mockserver.faces.sendblue.families import Family
from offhook_mockserver.faces.sendblue.operation import Answer, Operation, Scoped
from offhook_mockserver.tenants.account.access_tokens import DEFAULT_LIFE_S, LONGEST_LIFE_S

if TYPE_CHECKING:
    from offhook_mockserver.faces.sendblue.operation import Asked


_SDK: Final = "Python SDK 1.33.0"
#: Lines that one token may be limited to.
_MOST_LINES: Final = 100

NOT_OUR_LINE: Final = ApiRefusal(400, Grade.ASSUMED)
BOTH_NAMES: Final = ApiRefusal(400, Grade.OBSERVED)
NO_SUCH_TOKEN: Final = ApiRefusal(404, Grade.ASSUMED)
TOO_MANY_TOKENS: Final = ApiRefusal(429, Grade.ASSUMED)


def operations() -> tuple[Operation, ...]:
    """The operations on bearer tokens."""
    return (
        Operation(
            method="POST",
            path="/v3/auth/tokens",
            summary="Make a temporary bearer token, for the whole account or for some of its lines.",
            grade=Grade.OBSERVED,
            source=_SDK,
            body=Fields(
                Field(
                    "expires_in_seconds",
                    whole(least=1, most=LONGEST_LIFE_S),
                    default=DEFAULT_LIFE_S,
                    summary="The life of the token. That it is a day at most is assumed.",
                ),
                Field("phone_number", e164_number, summary="The line that it is for."),
                Field("phone_numbers", list_of(e164_number, most=_MOST_LINES), summary="The lines that it is for."),
            ),
            answer=an_object(
                {
                    "token": about(TEXT, "The token, shown this once."),
                    "token_id": about(TEXT, "With this the token is revoked."),
                    "token_type": {"type": "string", "const": "Bearer"},
                    "expires_at": TIME,
                    "phone_numbers": about(a_list(TEXT), "The lines that it is for; empty for the whole account."),
                }
            ),
            family=Family.V3,
            scoped=Scoped.KEYS,
            check=_check,
            handle=_mint,
        ),
        Operation(
            method="DELETE",
            path="/v3/auth/tokens/{token_id}",
            summary="Revoke a bearer token.",
            grade=Grade.ASSUMED,
            source=f"{_SDK}, which expects no body",
            parameters=Fields(Field("token_id", text(least=1, most=200), required=True)),
            answers={204: None},
            family=Family.V3,
            scoped=Scoped.KEYS,
            handle=_revoke,
        ),
    )


def _check(asked: Asked) -> None:
    if asked.lenient:
        return
    if "phone_number" in asked.body and "phone_numbers" in asked.body:
        raise RequestRefused(BOTH_NAMES, "pass phone_number or phone_numbers, not both")
    for line in _lines(asked):
        if line not in asked.tenant.lines:
            lines = " or ".join(asked.tenant.lines)
            raise RequestRefused(NOT_OUR_LINE, f"{line} is not a line of this account; use {lines}")


def _lines(asked: Asked) -> tuple[str, ...]:
    several = cast("list[str]", asked.body.get("phone_numbers", []))
    one = cast("str | None", asked.body.get("phone_number"))
    return tuple(several) if one is None else (one, *several)


def _mint(asked: Asked) -> object:
    tokens = asked.tenant.account.access_tokens
    try:
        token = tokens.mint(life_s=cast("int", asked.body["expires_in_seconds"]), lines=_lines(asked))
    except ConfigError as error:
        raise RequestRefused(TOO_MANY_TOKENS, error.message) from None
    return {
        "token": token.text.reveal(),
        "token_id": token.id,
        "token_type": "Bearer",
        "expires_at": iso_8601(token.expires_s),
        "phone_numbers": token.lines,
    }


def _revoke(asked: Asked) -> object:
    revoked = asked.tenant.account.access_tokens.revoke(cast("str", asked.parameters["token_id"]))
    if not revoked and not asked.lenient:
        raise RequestRefused(NO_SUCH_TOKEN, "this account has no valid token with that id")
    return Answer(status=204)
