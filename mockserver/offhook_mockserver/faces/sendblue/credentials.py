"""Whose request it is: the two key headers of Sendblue's API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.session import Grade
from offhook_mockserver.faces.refusals import ApiRefusal, RequestRefused

if TYPE_CHECKING:
    from starlette.datastructures import Headers

    from offhook_mockserver.tenants.tenant import Tenant, Tenants


#: Documented under two names: those of the credentials page, then those of the security page.
KEY_HEADERS: Final = ("sb-api-key-id", "x-sb-api-key-id")
SECRET_HEADERS: Final = ("sb-api-secret-key", "x-sb-api-secret-key")

# Sendblue documents that both keys are required, but not its answer to a request without them.
KEYS_MISSING: Final = ApiRefusal(401, Grade.ASSUMED)
KEYS_WRONG: Final = ApiRefusal(401, Grade.ASSUMED)


def authenticate(tenants: Tenants, headers: Headers) -> Tenant:
    """The tenant whose key pair is in the headers.

    Raises:
        RequestRefused: a header is missing or empty, or the two are not a key pair.
    """
    key, secret = _header(headers, KEY_HEADERS), _header(headers, SECRET_HEADERS)
    if not key or not secret:
        missing = " and ".join(names[0] for names, value in ((KEY_HEADERS, key), (SECRET_HEADERS, secret)) if not value)
        raise RequestRefused(KEYS_MISSING, f"missing or empty header: {missing}")
    tenant = tenants.find(key, secret)
    if tenant is None:
        raise RequestRefused(
            KEYS_WRONG,
            "sb-api-key-id and sb-api-secret-key are not a key pair of this mock: use the pair that it printed",
        )
    return tenant


def named_tenant(tenants: Tenants, headers: Headers) -> Tenant | None:
    """The tenant whose key id is in the headers, whatever the secret is; None if no tenant has it.

    Its journal notes the request. Its answers must not depend on it.
    """
    return tenants.named(_header(headers, KEY_HEADERS))


def _header(headers: Headers, names: tuple[str, ...]) -> str:
    return next((value for name in names if (value := headers.get(name))), "")
