"""A client of the control API whose every request and answer is compared with the OpenAPI document.

::

    async def test(mock: InProcessMock, client: ControlClient) -> None:
        answer = await client.get(f"{T}/calls")

    controlled(test)
"""

from __future__ import annotations

import asyncio
import io
import math
import struct
import wave
from typing import TYPE_CHECKING, Any, Final

import httpx
from tests.mockserver.faces.sendblue.contract import Contract

from offhook.interfaces import Ids
from offhook.testing import LoopClock, run_virtual
from offhook_mockserver.server import InProcessMock, control_openapi

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from offhook_mockserver.server import Tenant, TenantSettings

#: The first tenant.
T: Final = "/mock/v1/tenants/default"
NUMBER: Final = "+14155550155"
OTHER_NUMBER: Final = "+14155550156"


class ControlContract(Contract):
    """The document of the control API."""

    unknown = frozenset({401, 403, 404, 405, 415})

    def __init__(self) -> None:
        super().__init__()
        document = control_openapi()
        self.document = _resolved(document, document["components"]["schemas"])  # type: ignore[index]

    def concerns(self, path: str) -> bool:
        return f"{path}/".startswith("/mock/v1/")


def _resolved(value: Any, schemas: Any) -> Any:
    """A document with each named schema where it is used."""
    if isinstance(value, list):
        return [_resolved(each, schemas) for each in value]
    if not isinstance(value, dict):
        return value
    reference = value.get("$ref", "")
    if isinstance(reference, str) and reference.startswith("#/components/schemas/"):
        return _resolved(schemas[reference.rpartition("/")[2]], schemas)
    return {name: _resolved(each, schemas) for name, each in value.items()}


class ControlClient(httpx.AsyncClient):
    """A client with the control token of a mock, whose exchanges are checked.

    Args:
        mock: the mock.
        headers: further headers of every request.

    Attributes:
        contract: what checks them.
    """

    def __init__(self, mock: InProcessMock, **headers: str) -> None:
        self.contract = ControlContract()
        super().__init__(
            transport=mock.http(),
            base_url=mock.url,
            headers={"authorization": f"Bearer {mock.control_token.reveal()}", **headers},
            event_hooks={"response": [self.contract.seen]},
            timeout=120,
        )

    async def ok(self, method: str, path: str, body: object = None, **more: Any) -> Any:
        """Send a request; returns the JSON of its answer, which must be a success."""
        answer = await self.request(method, path, json=body, **more)
        assert answer.is_success, answer.text
        return answer.json()

    async def refused(self, method: str, path: str, body: object = None, **more: Any) -> tuple[int, str, str]:
        """Send a request that must be refused; returns the status, the code and the message."""
        answer = await self.request(method, path, json=body, **more)
        assert answer.status_code >= 400, answer.text
        error = answer.json()["error"]
        return answer.status_code, error["code"], error["message"]


def controlled(
    test: Callable[[InProcessMock, ControlClient], Awaitable[None]],
    *,
    settings: TenantSettings | None = None,
    recordings: Path | None = None,
    **headers: str,
) -> ControlClient:
    """Run a test against a mock in virtual time, with a client that has its control token; returns the client."""

    async def main() -> ControlClient:
        mock = InProcessMock(clock=LoopClock(), ids=Ids(1), tenant=settings, recordings=recordings)
        async with mock, ControlClient(mock, **headers) as client:
            await test(mock, client)
            return client

    return run_virtual(main())


async def call(
    mock: InProcessMock, number: str = NUMBER, *, tenant: Tenant | None = None, say: str = "", for_s: float = 1.0
) -> str:
    """Call a number through the mock, say something, stay for `for_s`, and hang up; returns the channel."""
    who = tenant or mock.tenant
    async with mock.phone(environment=mock.environment_of(who)) as phone, phone.dial(number) as up:
        if await up.answered():
            if say:
                up.play(say)
            await asyncio.sleep(for_s)  # of virtual time
    await mock.tenants.end_calls(who)
    return who.ended[-1].channel


def wav(seconds: float = 0.5, *, rate_hz: int = 16_000, hz: float = 440.0) -> bytes:
    """A WAV file with a tone."""
    file = io.BytesIO()
    count = int(seconds * rate_hz)
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate_hz)
        writer.writeframes(
            b"".join(struct.pack("<h", round(8_000 * math.sin(2 * math.pi * hz * n / rate_hz))) for n in range(count))
        )
    return file.getvalue()
