"""Whose request it is: the two key headers of Sendblue's API, or a bearer token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.session import Grade
from offhook_mockserver.faces.refusals import ApiRefusal, RequestRefused
from offhook_mockserver.faces.sendblue.operation import Scoped

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook_mockserver.tenants.account.access_tokens import AccessToken
    from offhook_mockserver.tenants.tenant import Tenant, Tenants


#: Documented under two names: those of the credentials page, then those of the security page.
KEY_HEADERS: Final = ("sb-api-key-id", "x-sb-api-key-id")
SECRET_HEADERS: Final = ("sb-api-secret-key", "x-sb-api-secret-key")
_AUTHORIZATION: Final = "authorization"
_BEARER: Final = "bearer "

# Sendblue documents that both keys are required, but not its answer to a request without them.
KEYS_MISSING: Final = ApiRefusal(401, Grade.ASSUMED)
KEYS_WRONG: Final = ApiRefusal(401, Grade.ASSUMED)
TOKEN_WRONG: Final = ApiRefusal(401, Grade.ASSUMED)
# Sendblue documents that only key pairs mint and revoke, and that a token may be limited to lines.
TOKEN_MAY_NOT: Final = ApiRefusal(403, Grade.ASSUMED)


def authenticate(tenants: Tenants, headers: Mapping[str, str]) -> tuple[Tenant, AccessToken | None]:
    """The tenant whose key pair or bearer token is in the headers, and that token.

    A key pair is looked at first: clients and proxies may add an Authorization of their own.

    Args:
        tenants: the tenants of the mock.
        headers: the headers of the request, with names in lower case.

    Raises:
        RequestRefused: a header is missing or empty, the two are not a key pair, or the token is not valid.
    """
    key, secret = _header(headers, KEY_HEADERS), _header(headers, SECRET_HEADERS)
    if not key and not secret and (bearer := _bearer(headers)):
        found = tenants.of_token(bearer)
        if found is None:
            raise RequestRefused(TOKEN_WRONG, "the bearer token is unknown, has expired or was revoked")
        return found
    if not key or not secret:
        missing = " and ".join(names[0] for names, value in ((KEY_HEADERS, key), (SECRET_HEADERS, secret)) if not value)
        raise RequestRefused(KEYS_MISSING, f"missing or empty header: {missing}")
    tenant = tenants.admit(key, secret)
    if tenant is None:
        raise RequestRefused(KEYS_WRONG, tenants.why_not_admitted(key))
    return tenant, None


def check_scope(scoped: Scoped, token: AccessToken | None) -> None:
    """Check that a client may use an operation.

    Args:
        scoped: who may use it.
        token: the client's bearer token; None if it has a key pair.

    Raises:
        RequestRefused: it may not.
    """
    if token is None or scoped is Scoped.LINES:
        return
    if scoped is Scoped.KEYS:
        raise RequestRefused(TOKEN_MAY_NOT, "a bearer token may not do this: send sb-api-key-id and sb-api-secret-key")
    if token.lines:
        problem = "this bearer token is for some lines only, and this is about the whole account"
        raise RequestRefused(TOKEN_MAY_NOT, f"{problem}: use a token without phone_numbers, or the key pair")


def named_tenant(tenants: Tenants, headers: Mapping[str, str]) -> Tenant | None:
    """The tenant whose key id is in the headers, whatever the secret is; None if no tenant has it.

    Its journal notes the request. Its answers must not depend on it.
    """
    return tenants.of_key(_header(headers, KEY_HEADERS))


def _bearer(headers: Mapping[str, str]) -> str:
    value = headers.get(_AUTHORIZATION, "")
    return value[len(_BEARER) :].strip() if value[: len(_BEARER)].lower() == _BEARER else ""


def _header(headers: Mapping[str, str], names: tuple[str, str]) -> str:
    return headers.get(names[0]) or headers.get(names[1]) or ""
