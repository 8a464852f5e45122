"""What the callees of the calls that are up wait for, for messages about an application that does not end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook_mockserver.testkit.shown_number import shown_as

if TYPE_CHECKING:
    from collections.abc import Iterator

    from offhook_mockserver.tenants.tenant import Tenant


def callees_wait(tenant: Tenant) -> Iterator[str]:
    """One line for each call that is up; used on the mock's loop."""
    for call in tenant.calls.values():
        who, left = f"the callee {shown_as(call.to)}", call.callee.unfinished
        if call.end is not None:
            yield f"{who} has left the call ({call.end_text}), and the application has not"
        elif left:
            yield f"{who} waits in {left[0]}"
        else:
            yield f"{who} has done its script: the call goes on until the application hangs up"
