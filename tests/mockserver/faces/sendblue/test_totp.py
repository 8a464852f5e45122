"""One-time passwords over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.mockserver.faces.sendblue.contract import ContractClient, against

from offhook.interfaces import Ids
from offhook.testing import LoopClock
from offhook_mockserver.server import InProcessMock, TenantBounds, TenantSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

SECRETS = "/api/v2/totp/secrets"
SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
URI = f"otpauth://totp/Acme:ann?secret={SECRET}&digits=8&period=60&algorithm=SHA512"


async def create(client: ContractClient, **body: object) -> dict[str, Any]:
    answer = await client.post(SECRETS, json=body)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()["totp_secret"]
    return made


async def code(client: ContractClient, id: str) -> Mapping[str, Any]:
    answer: Mapping[str, Any] = (await client.get(f"/api/v2/totp/code/{id}")).json()
    return answer


def test_a_secret_is_shown_once_and_its_codes_follow_the_clock() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        mock.tenant.clock.set_wall(1_111_111_109)
        made = await create(client, label="door", secret=SECRET, digits=8)
        assert made["secret"] == SECRET
        listed = (await client.get(SECRETS)).json()["totp_secrets"]
        assert listed == [{name: value for name, value in made.items() if name != "secret"}]
        assert await code(client, made["id"]) == {"status": "OK", "code": "07081804", "expires_in": 1}
        mock.tenant.clock.advance(2)
        assert await code(client, made["id"]) == {"status": "OK", "code": "14050471", "expires_in": 29}
        assert (await client.delete(f"{SECRETS}/{made['id']}")).json() == {"status": "OK"}
        assert (await client.get(SECRETS)).json()["totp_secrets"] == []
        for path in (f"{SECRETS}/{made['id']}", f"/api/v2/totp/code/{made['id']}"):
            answer = await (client.delete(path) if path.startswith(SECRETS) else client.get(path))
            assert answer.status_code == 404

    against(test)


def test_a_uri_overrides_the_rest() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        made = await create(client, uri=URI, label="other", digits=6, secret="MZXW6")
        assert (made["label"], made["issuer"], made["secret"]) == ("Acme:ann", "Acme", SECRET)
        assert (made["digits"], made["period"], made["algorithm"]) == (8, 60, "SHA512")
        assert len((await code(client, made["id"]))["code"]) == 8

    against(test)


def test_a_secret_is_made_if_there_is_none() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        made = [await create(client, label="door") for _ in range(2)]
        assert [len(each["secret"]) for each in made] == [32, 32]
        assert made[0]["secret"] != made[1]["secret"]
        assert (made[0]["algorithm"], made[0]["digits"], made[0]["period"]) == ("SHA1", 6, 30)

    against(test)


@pytest.mark.fault("F56")
def test_no_secret_is_in_the_journal() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        await create(client, label="door", secret=SECRET)
        await create(client, uri=URI)
        await client.post(SECRETS, json={"label": "door", "secret": SECRET + "1"})
        await client.post(SECRETS, json={"uri": f"otpauth://hotp/a?secret={SECRET}"})
        assert len(mock.tenant.journal.entries) == 4
        for entry in mock.tenant.journal.entries:
            assert SECRET not in f"{entry.to_json()}"

    against(test)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({}, "label is missing: pass label or uri"),
        ({"secret": SECRET}, "label is missing"),
        ({"label": "a", "secret": "0189"}, "secret has the wrong form"),
        ({"label": "a", "secret": "A"}, "not base32"),
        ({"label": "a", "digits": 7}, "digits must be 6 or 8"),
        ({"label": "a", "digits": True}, "digits must be 6 or 8"),
        ({"label": "a", "period": 0}, "period must be a number from 1 to 3600"),
        ({"label": "a", "algorithm": "MD5"}, "algorithm is not one of"),
        ({"uri": "https://example.com"}, "uri has the wrong form"),
        ({"uri": "otpauth://totp/a"}, "has no secret"),
    ],
)
def test_what_is_wrong_is_named(body: dict[str, object], problem: str) -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        refused = await client.post(SECRETS, json=body)
        assert refused.status_code == 400
        assert problem in refused.json()["message"]
        assert len(mock.tenant.account.totp) == 0

    against(test)


def test_there_is_an_end_to_secrets() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        await create(client, label="a")
        assert (await client.post(SECRETS, json={"label": "b"})).status_code == 429

    def small() -> InProcessMock:
        return InProcessMock(clock=LoopClock(), ids=Ids(1), bounds=TenantBounds(account_items=1))

    against(test, mock=small)


def test_a_lenient_account_makes_do_with_placeholders() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        for body in ({}, {"secret": "secret", "label": "l"}, {"uri": "uri", "period": 0}):
            made = await create(client, **body)
            assert len((await code(client, made["id"]))["code"]) == 6
        assert (await code(client, "unknown"))["status"] == "OK"
        assert (await client.delete(f"{SECRETS}/other")).status_code == 200

    against(test, settings=TenantSettings(lenient=True))
