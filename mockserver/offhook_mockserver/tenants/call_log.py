"""The ``call_log`` event of an ended call.

All of it is assumed: Sendblue documents only that such events exist, with the fields `disposition` and `transcript`. It
is written to the tenant's journal, and posted once to the tenant's `webhook_url`, which is a loopback address.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from offhook.interfaces import iso_8601
from offhook.session import Grade
from offhook.wording import describe
from offhook_mockserver.tenants.entry import EntryKind

if TYPE_CHECKING:
    from offhook_mockserver.tenants.call import MockCall
    from offhook_mockserver.tenants.entry import Json
    from offhook_mockserver.tenants.tenant import Tenant


#: Events that may be under way at once, for all tenants of a mock; a further one is not posted.
MOST_POSTS: Final = 64
#: How long one post may take.
_POST_TIMEOUT_S: Final = 5.0
_STOP_TIMEOUT_S: Final = 0.2


class CallLogs:
    """Sends the events of ended calls. A receiver that is slow, fails or hangs holds up nothing."""

    def __init__(self) -> None:
        self._posts: set[asyncio.Task[None]] = set()

    def send(self, tenant: Tenant, call: MockCall) -> None:
        """Note the event in the journal, and post it in the background if the tenant has a `webhook_url`."""
        event = _event(tenant, call)
        url = tenant.settings.webhook_url
        if not url:
            self._note(tenant, call, f"call_log: {event['disposition']}", event)
        elif len(self._posts) >= MOST_POSTS:
            text = f"call_log was not posted: {MOST_POSTS} posts are under way, which is the limit"
            self._note(tenant, call, text, event)
        else:
            task = asyncio.create_task(self._post(tenant, call, url, event))
            self._posts.add(task)
            task.add_done_callback(self._posts.discard)

    async def aclose(self) -> None:
        """Cut off posts that are under way. Bounded."""
        posts = tuple(self._posts)
        for post in posts:
            post.cancel()
        if posts:
            await asyncio.wait(posts, timeout=_STOP_TIMEOUT_S)

    async def _post(self, tenant: Tenant, call: MockCall, url: str, event: dict[str, Json]) -> None:
        import httpx  # only tenants with a webhook need it

        try:
            async with (
                asyncio.timeout(_POST_TIMEOUT_S),
                httpx.AsyncClient(trust_env=False, verify=False) as client,  # the URL is an http one
                client.stream("POST", url, json=event) as answer,  # whose body is not read
            ):
                text = f"call_log: {event['disposition']}; posted to {url}, which answered {answer.status_code}"
        except TimeoutError:
            text = f"call_log was not posted: {url} did not answer within {_POST_TIMEOUT_S:g} s"
        except httpx.HTTPError as error:
            text = f"call_log was not posted to {url}: {describe(error)}"
        self._note(tenant, call, text, event)

    def _note(self, tenant: Tenant, call: MockCall, text: str, event: dict[str, Json]) -> None:
        tenant.journal.add(
            EntryKind.CALL_LOG, text, channel=call.channel, number=call.to, fields=event, grade=Grade.ASSUMED
        )


def _event(tenant: Tenant, call: MockCall) -> dict[str, Json]:
    """The event. Only `disposition` and `transcript` are documented."""
    now_s, answered_s = tenant.clock.wall_s(), call.answered_wall_s
    return {
        "event_type": "call_log",
        "call_id": call.channel,
        "direction": "outbound",
        "from_number": call.from_number,
        "to_number": call.to,
        "sendblue_number": call.from_number,
        "disposition": "not_answered" if answered_s is None else "connected",
        "date_started": iso_8601(call.started_wall_s),
        "date_answered": None if answered_s is None else iso_8601(answered_s),
        "date_ended": iso_8601(now_s),
        "duration": 0 if answered_s is None else max(0, round(now_s - answered_s)),
        "transcript": None,
    }
