"""Notes requests to Sendblue's API in the journal of the tenant that they belong to."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from offhook.session import Grade
from offhook.wording import printable
from offhook_mockserver.faces.sendblue.credentials import named_tenant
from offhook_mockserver.tenants.entry import EntryKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.datastructures import Headers

    from offhook_mockserver.tenants.entry import Json
    from offhook_mockserver.tenants.tenant import Tenant, Tenants


class RequestNotes:
    """Notes requests.

    Args:
        tenants: the tenants of the mock.
        stray: the tenant for requests that name no tenant of this mock.
    """

    def __init__(self, tenants: Tenants, stray: Tenant) -> None:
        self._tenants = tenants
        self._stray = stray

    def tenant_of(self, headers: Headers) -> Tenant:
        """The tenant whose journal a request belongs to."""
        return named_tenant(self._tenants, headers) or self._stray

    def unexpected(self, tenant: Tenant, method: str, path: str, status: int, message: str) -> None:
        """A request that no route of the mock answers."""
        fields: dict[str, Json] = {"method": method, "path": path, "status": status}
        text = f"{printable(method)} {printable(path)}: {status} {message}"
        tenant.journal.add(EntryKind.UNEXPECTED, text, fields=fields, grade=Grade.ASSUMED)

    def refused(
        self,
        tenant: Tenant,
        request: Mapping[str, Json],
        refusal: tuple[int, Grade],
        message: str,
        number: str = "",
    ) -> None:
        """A request that was refused.

        Args:
            tenant: whose journal it belongs to.
            request: its method, path and body.
            refusal: the HTTP status, and its grade.
            message: why.
            number: the number that it wanted to ring, if that was a valid one.
        """
        status, grade = refusal
        text = f"{request['method']} {request['path']}: {status} {message}"
        tenant.journal.add(
            EntryKind.REFUSAL,
            text,
            number=number,
            fields={**request, "status": status, "message": message},
            grade=grade,
        )

    def answered(self, tenant: Tenant, request: Mapping[str, Json], channel: str, number: str, token: str) -> None:
        """A request to which the answer is a grant, whose token is noted as a hash."""
        token_hash = hashlib.sha256(token.encode()).hexdigest()[:8]
        fields: dict[str, Json] = {**request, "status": 200, "token_hash": token_hash}
        text = f"{request['method']} {request['path']}: 200 Call started"
        tenant.journal.add(
            EntryKind.REQUEST, text, channel=channel, number=number, fields=fields, grade=Grade.DOCUMENTED
        )
