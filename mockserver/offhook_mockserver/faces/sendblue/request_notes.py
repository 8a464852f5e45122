"""Notes requests to Sendblue's API in the journal of the tenant that they belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from offhook.session import Grade
from offhook.wording import printable
from offhook_mockserver.faces.sendblue.credentials import named_tenant
from offhook_mockserver.tenants.entry import Content, EntryKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook_mockserver.faces.refusals import RequestRefused
    from offhook_mockserver.faces.sendblue.operation import Note
    from offhook_mockserver.tenants.entry import Json
    from offhook_mockserver.tenants.tenant import Tenant, Tenants


#: How much is noted of a request without fields: its method and its path, which is that of an operation.
_PLAIN: Final = 2


class RequestNotes:
    """Notes requests.

    Args:
        tenants: the tenants of the mock.
        stray: the tenant for requests that name no tenant of this mock.
    """

    def __init__(self, tenants: Tenants, stray: Tenant) -> None:
        self._tenants = tenants
        self._stray = stray
        #: What is said of requests that have nothing of their own, by their method, path, status and grade.
        self._plain: dict[tuple[str, str, int, Grade], Content] = {}

    def tenant_of(self, headers: Mapping[str, str]) -> Tenant:
        """The tenant whose journal a request belongs to."""
        return named_tenant(self._tenants, headers) or self._stray

    def unexpected(self, tenant: Tenant, method: str, path: str, status: int, message: str) -> None:
        """A request that no route of the mock answers."""
        fields: dict[str, Json] = {"method": method, "path": path, "status": status}
        text = f"{printable(method)} {printable(path)}: {status} {message}"
        tenant.journal.add(EntryKind.UNEXPECTED, text, fields=fields, grade=Grade.ASSUMED)

    def refused(self, tenant: Tenant, request: dict[str, Json], refused: RequestRefused, number: str = "") -> None:
        """A request that was refused.

        Args:
            tenant: whose journal it belongs to.
            request: its method, path, query and body; status and message are added.
            refused: why.
            number: the number that it is about, if that is known.
        """
        status, message = refused.refusal.status, str(refused)
        text = f"{request['method']} {printable(str(request['path']))}: {status} {message}"
        request["status"] = status
        request["message"] = message
        tenant.journal.add(EntryKind.REFUSAL, text, number=number, fields=request, grade=refused.refusal.grade)

    def answered(
        self, tenant: Tenant, request: dict[str, Json], status: int, note: Note | None, grade: Grade, number: str = ""
    ) -> None:
        """A request that was answered.

        Args:
            tenant: whose journal it belongs to.
            request: its method, path, query and body; status and the fields of the note are added.
            status: the status of the answer.
            note: what was done; None if the request says it.
            grade: how certain the answer is.
            number: the number that it is about, if that is known.
        """
        if note is None and not number and len(request) == _PLAIN:
            self._answered_plain(tenant, request, status, grade)
            return
        text = f"{request['method']} {printable(str(request['path']))}: {status}"
        channel = ""
        request["status"] = status
        if note is not None:
            text, channel = f"{text} {note.text}", note.channel
            request.update(note.fields)
        tenant.journal.add(EntryKind.REQUEST, text, channel=channel, number=number, fields=request, grade=grade)

    def _answered_plain(self, tenant: Tenant, request: Mapping[str, Json], status: int, grade: Grade) -> None:
        method, path = cast("str", request["method"]), cast("str", request["path"])
        content = self._plain.get((method, path, status, grade))
        if content is None:
            fields = {**request, "status": status}
            content = Content.made(EntryKind.REQUEST, f"{method} {path}: {status}", fields, grade)
            self._plain[method, path, status, grade] = content
        tenant.journal.add_content(content)
