"""Two whole calls through all of Acme's parts, over real sockets. The far end is offhook's mock."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from offhook import CallPolicy, Phone
from offhook.interfaces import level_dbfs
from offhook_mockserver.server import MockServer

if TYPE_CHECKING:
    from pathlib import Path

    from offhook_mockserver.server import Tenant

ECHO = "+14155550105"


def write_keys(file: Path, tenant: Tenant) -> None:
    keys = {"key_id": tenant.api_key.reveal(), "secret_key": tenant.api_secret.reveal()}
    file.write_text(json.dumps(keys))


async def loudest_echo(phone: Phone) -> float:
    """Play a short E and return how loud its echo is, in dBFS."""
    loudest = -100.0
    async with phone.dial(ECHO, redial=True) as call:
        assert await call.answered()
        ears = call.audio()
        call.play("morse:E")
        async for frame in ears:
            loudest = max(loudest, level_dbfs(frame.pcm))
            if loudest > -30:
                break
    return loudest


async def two_calls(keys: Path) -> None:
    async with MockServer() as mock:
        old, new = mock.tenant, mock.tenants.create()
        async with Phone(
            carrier="acme",
            auth="acme",
            transport="acme",
            environment={"ACME_API_URL": mock.url, "ACME_FROM_NUMBER": old.lines[0], "ACME_KEYS_FILE": str(keys)},
            store=None,
            policy=CallPolicy(max_duration_s=10),
        ) as phone:
            for tenant in (old, new):
                write_keys(keys, tenant)
                assert await loudest_echo(phone) > -30
                assert len(tenant.calls) + len(tenant.ended) == 1, "the call came with other keys"


def test_two_calls_with_keys_that_rotate(tmp_path: Path) -> None:
    asyncio.run(two_calls(tmp_path / "keys.json"))
