"""A tenant is exported, and one like it is made of the document."""

from __future__ import annotations

import asyncio
import json
import math
import shutil
from typing import TYPE_CHECKING

import pytest
from tests.mockserver.tenants.scene import NUMBER, OTHER, join, mock_with, on

from offhook.errors import ConfigError
from offhook_mockserver.callees.numbers import HELLO
from offhook_mockserver.callees.script import Answer, HangUp, Say, Script, Wait
from offhook_mockserver.server import InProcessMock, Tenant, TenantBounds, TenantSettings

if TYPE_CHECKING:
    from pathlib import Path


ENDED: dict[str, object] = {"channel": "c", "to": NUMBER, "from_number": OTHER, "events": [], "end": None}


async def lived(mock: InProcessMock, folder: Path) -> Tenant:
    """A tenant to which something has happened."""
    shutil.copy(HELLO, folder / "hello.wav")
    settings = TenantSettings(bridge_joins="ringing", error_body="nested", token_life_s=77, keep_audio_s=1)
    tenant = mock.tenants.create(
        seed="a seed", settings=settings, bounds=TenantBounds(calls=5), lines=("+18885550198",)
    )
    tenant.scripts[NUMBER] = Script("says hello", (Answer(), Say(folder / "hello.wav"), Wait(1), HangUp()))
    tenant.scripts[OTHER] = Script("hangs up", (Answer(), HangUp()))
    tenant.clock.advance(100)
    tenant.clock.set_wall(1_000_000_000)
    started = mock.calls.start(tenant, NUMBER, tenant.lines[0])
    caller = join(started)
    await asyncio.sleep(5)
    caller.leave()
    await asyncio.sleep(1)
    return tenant


def test_a_restored_tenant_is_like_the_exported_one(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    async def test(mock: InProcessMock) -> None:
        tenant = await lived(mock, tmp_path)
        document = json.loads(json.dumps(tenant.export(with_seed=True, folder=tmp_path)))
        (tmp_path / "hello.wav").rename(elsewhere / "hello.wav")
        await mock.tenants.remove(tenant)
        copy = mock.tenants.restore(document, folder=elsewhere)
        assert (copy.seed, copy.api_key.reveal()) == ("a seed", tenant.api_key.reveal())
        assert (copy.lines, copy.settings, copy.bounds) == (tenant.lines, tenant.settings, tenant.bounds)
        assert copy.journal.entries == tenant.journal.entries
        assert [ended.to_json() for ended in copy.ended] == [ended.to_json() for ended in tenant.ended]
        assert (copy.clock.wall_s(), copy.clock.monotonic_s()) == (tenant.clock.wall_s(), tenant.clock.monotonic_s())
        assert copy.scripts[OTHER] == tenant.scripts[OTHER]
        assert copy.export(with_seed=True, folder=elsewhere) == tenant.export(with_seed=True, folder=tmp_path)
        assert copy.calls_started == 1
        again = mock.calls.start(copy, NUMBER, copy.lines[0])
        assert again.channel != copy.ended[0].channel, "it goes on where the other one ended"
        caller = join(again)
        await asyncio.sleep(10)
        caller.leave()
        await asyncio.sleep(1)
        assert "callee says hello.wav" in copy.ended[1].events

    on(mock_with, test)


@pytest.mark.fault("F56")
def test_it_holds_no_key_and_without_the_seed_none_follows_from_it(tmp_path: Path) -> None:
    async def test(mock: InProcessMock) -> None:
        tenant = await lived(mock, tmp_path)
        text = json.dumps(tenant.export())
        for secret in (tenant.api_key, tenant.api_secret, tenant.certificate):
            assert secret.reveal() not in text
        assert "a seed" not in text
        assert NUMBER not in json.dumps(tenant.export()["journal"]) + json.dumps(tenant.export()["ended"])
        copy = mock.tenants.restore(tenant.export(), folder=tmp_path)
        assert copy.api_key.reveal() != tenant.api_key.reveal()

    on(mock_with, test)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "x"}, "this is not an exported tenant: format must be 'offhook mock tenant', and version 1"),
        ({"version": 2}, "this is not an exported tenant"),
        ({"journl": []}, "the top level of the document has the unknown name 'journl'; did you mean journal?"),
        ({"seed": 3}, "seed of the document must be text"),
        ({"lines": "+1"}, "lines of the document must be a list"),
        ({"lines": [3]}, "a line of the document must be text"),
        ({"settings": []}, "settings of the document must be an object"),
        ({"settings": {"ringing": 1}}, "settings of the document has the unknown name 'ringing'"),
        ({"settings": {"call_log": 1}}, "call_log must be True or False"),
        ({"bounds": {"calls": 0}}, "calls must be at least 1"),
        ({"bounds": {"call": 1}}, "bounds of the document has the unknown name 'call'; did you mean calls?"),
        ({"scripts": 1}, "scripts of the document must be text"),
        ({"scripts": "[[callee]]"}, "(scripts)"),
        (
            {"scripts": f'[[callee]]\nnumber="{NUMBER}"\nsteps=["answer", {{say="/etc/hosts"}}]'},
            "outside the script's",
        ),
        ({"scripts": "#" * 300_000}, "the scripts are larger than 256 kB"),
        ({"calls_started": -1}, "calls_started of the document must be"),
        ({"ahead_s": -1}, "ahead_s of the document must be"),
        ({"wall_offset_s": None}, "wall_offset_s of the document must be"),
        ({"journal": [{}]}, "an entry of the journal must be"),
        ({"journal": [3]}, "an entry of the journal must be"),
        ({"seed": "\ud800"}, "half of a surrogate pair"),
        ({"ahead_s": 1e12}, "the wall clock must be between"),
        ({"wall_offset_s": -4e9}, "the wall clock must be between"),
        ({"journal": [{"index": math.inf}]}, "an entry of the journal must be"),
        ({"ended": [ENDED | {"counters": {"lost": math.inf}}]}, "an ended call must be"),
        ({"ended": [{}]}, "an ended call must be what EndedCall.to_json() returned"),
    ],
)
def test_a_document_that_is_not_one_is_refused_by_the_part_that_is_wrong(
    change: dict[str, object], message: str, tmp_path: Path
) -> None:
    async def test(mock: InProcessMock) -> None:
        document = {**mock.tenant.export(), **change}
        before = mock.tenants.all()
        with pytest.raises(ConfigError) as raised:
            mock.tenants.restore(document, folder=tmp_path)
        assert message in raised.value.message
        assert mock.tenants.all() == before

    on(mock_with, test)


@pytest.mark.parametrize("document", [None, [], "text"])
def test_something_else_than_an_object_is_refused(document: object) -> None:
    async def test(mock: InProcessMock) -> None:
        with pytest.raises(ConfigError, match="the top level of the document must be an object"):
            mock.tenants.restore(document)

    on(mock_with, test)
