"""A mock behind a socket, its credentials, and everything that a request could have changed in it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from tests.mockserver.faces.sendblue.contract import keys_of

from offhook_mockserver.server import MockServer, MockSettings, TenantSettings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from tests.security.requests import HttpAnswer


@contextlib.asynccontextmanager
async def served(
    *, lenient: bool = False, open_to_any_keys: bool = False, **settings: Any
) -> AsyncGenerator[MockServer]:
    """A mock that listens on a free port."""
    made = MockSettings(tenant=TenantSettings(lenient=lenient), open_to_any_keys=open_to_any_keys, **settings)
    async with MockServer(made) as mock:
        yield mock


def run(test: Callable[[], Awaitable[None]]) -> None:
    """Run a test in real time."""

    async def main() -> None:
        await test()

    asyncio.run(main())


def credentials(mock: MockServer, *, control: bool) -> dict[str, str]:
    """The headers that a program sends to the control API, or to Sendblue's."""
    return {"authorization": f"Bearer {mock.control_token.reveal()}"} if control else keys_of(mock.tenant)


def state_of(mock: MockServer) -> object:
    """What the tenants of a mock are and have, but for their journals."""
    found: list[object] = []
    for tenant in mock.tenants.all():
        exported = dict(tenant.export(with_seed=True))
        del exported["journal"]
        channels = sorted(tenant.calls)
        faults = [fault.id for fault in tenant.faults.made]
        found.append([exported, channels, faults, [clip.name for clip in tenant.clips.all]])
    return found


def problem_of(answer: HttpAnswer, *, control: bool) -> str:
    """The message of a refusal, which must have the shape of its API."""
    document = answer.json
    if control:
        assert set(document) == {"error"}, document
        assert set(document["error"]) == {"code", "message"}, document
        return str(document["error"]["message"])
    if "error" in document:  # two of Sendblue's shapes
        error = document["error"]
        return str(error["message"] if isinstance(error, dict) else error)
    assert document["status"] == "ERROR", document
    return str(document["message"])
