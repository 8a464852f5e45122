"""What the guard has refused: all of it is counted, and the first of each minute are in a journal.

Any page of a browser, and any program on the machine, can be refused as often as it likes. That must not push what
matters out of a tenant's journal.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from offhook.wording import printable
from offhook_mockserver.faces.control.place import is_control
from offhook_mockserver.faces.operations.request import headers_of
from offhook_mockserver.tenants.entry import EntryKind

if TYPE_CHECKING:
    from starlette.types import Scope

    from offhook.interfaces import Clock
    from offhook_mockserver.faces.refusals import RequestRefused
    from offhook_mockserver.tenants.entry import Json
    from offhook_mockserver.tenants.tenant import Tenant, Tenants


#: Refusals with one status that are noted in one period; of the others only the number is.
MOST_NOTED: Final = 10
PERIOD_S: Final = 60.0


class GuardNotes:
    """Counts and notes refusals of the guard.

    Those of requests to the control API are only counted: no journal has requests to that API.

    Args:
        tenants: the tenants of the mock.
        stray: the tenant for requests that name no tenant of this mock.
        clock: the time of the mock.

    Attributes:
        counts: how many requests were refused, by the status of the answer.
    """

    def __init__(self, tenants: Tenants, stray: Tenant, clock: Clock) -> None:
        self._tenants = tenants
        self._stray = stray
        self._clock = clock
        self._period_s: float | None = None
        self._noted: Counter[int] = Counter()
        self._unnoted: Counter[int] = Counter()
        self.counts: Counter[int] = Counter()

    def note(self, scope: Scope, refused: RequestRefused) -> None:
        """Count a refusal, and note it unless too many of its kind were noted already.

        Args:
            scope: the ASGI scope of the request.
            refused: why it was refused.
        """
        status = refused.refusal.status
        self.counts[status] += 1
        if is_control(scope):
            return
        now_s = self._clock.monotonic_s()
        if self._period_s is None or now_s - self._period_s >= PERIOD_S:
            self._period_s = now_s
            self._noted.clear()
        if self._noted[status] >= MOST_NOTED:
            self._unnoted[status] += 1
            return
        self._noted[status] += 1
        method = scope["method"] if scope["type"] == "http" else "WebSocket"
        message = str(refused)
        fields: dict[str, Json] = {"method": method, "path": scope["path"], "status": status, "message": message}
        text = f"{printable(method)} {printable(scope['path'])}: {status} {message}"
        if unnoted := self._unnoted.pop(status, 0):
            fields["unnoted"] = unnoted
            text = f"{text} ({unnoted} more with this status before it)"
        from offhook_mockserver.faces.sendblue.credentials import named_tenant  # which most mocks need later, or never

        tenant = named_tenant(self._tenants, headers_of(scope)) or self._stray
        tenant.journal.add(EntryKind.REFUSAL, text, fields=fields, grade=refused.refusal.grade)
