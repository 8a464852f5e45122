"""An account is exported and restored with all that it holds, and nothing else is accepted for one."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.mockserver.tenants.account.scene import LINE, NUMBER, OTHER, OTHER_LINE, with_account
from tests.mockserver.tenants.scene import mock_with, on

from offhook.errors import ConfigError

if TYPE_CHECKING:
    from offhook_mockserver.server import InProcessMock, Tenant

SECRET = "JBSWY3DPEHPK3PXP"


def fill(tenant: Tenant) -> None:
    account = tenant.account
    tenant.lines = (LINE, OTHER_LINE)
    account.messages.send(
        NUMBER,
        "hello",
        LINE,
        media_url="https://example.com/1.png",
        send_style="slam",
        reply_to="A",
        reply_part=1,
        app_card={"appName": "a", "layout": {"caption": "c"}},
        status_callback="http://127.0.0.1:9/x",
        seat_id="s",
        sender_email="ann@example.com",
    )
    account.messages.receive(OTHER, "STOP", line=OTHER_LINE)
    account.contacts.create("+14155550125", first_name="Ann", tags=("a", "b"), custom_variables={"k": "v"})
    account.recipients.fail(NUMBER, 5003, "slow")
    account.recipients.set_service(OTHER, "SMS")
    account.lines.block(LINE)
    account.lines.forward(OTHER_LINE, NUMBER)
    account.media.upload("https://example.com/2.png")
    account.totp.create(label="door", secret=SECRET)
    account.verified_contacts.create(NUMBER)
    account.seats.add("bea@example.com", first_name="Bea", forwarding_number=OTHER)


def test_a_restored_account_holds_the_same() -> None:
    async def test(mock: InProcessMock) -> None:
        tenant = mock.tenants.create(seed="a")
        fill(tenant)
        document = json.loads(json.dumps(tenant.export(with_seed=True)))
        await mock.tenants.remove(tenant)
        copy = mock.tenants.restore(document)
        assert json.loads(json.dumps(copy.account.to_json(with_secrets=True))) == document["account"]
        (sent, _) = copy.account.messages
        assert sent.status == "QUEUED"
        await asyncio.sleep(1)
        assert (sent.status, sent.error_message) == ("ERROR", "the line is blocked"), "it was under way, and goes on"
        assert [secret.secret.reveal() for secret in copy.account.totp] == [SECRET]
        more = copy.account.messages.send(NUMBER, "more", OTHER_LINE)
        assert more.handle not in {message["handle"] for message in document["account"]["messages"]["items"]}

    on(mock_with, test)


def test_without_the_seed_it_holds_no_secrets() -> None:
    async def test(mock: InProcessMock) -> None:
        tenant = mock.tenants.create()
        fill(tenant)
        document = tenant.export()
        assert SECRET not in json.dumps(document)
        assert len(mock.tenants.restore(document).account.totp) == 0

    on(mock_with, test)


def test_an_account_that_was_not_used_is_not_exported() -> None:
    async def test(mock: InProcessMock) -> None:
        assert mock.tenant.export()["account"] == {}
        document = mock.tenant.export()
        del document["account"]  # as in documents of the last version
        mock.tenants.restore(document)

    on(mock_with, test)


#: A part of the document, what is in its place, and what is said.
WRONG: list[tuple[str, Any, str]] = [
    ("nonsense", {}, "unknown name 'nonsense'"),
    ("messages", [], "messages of the account of the document must be an object"),
    ("messages", {"made": -1, "items": []}, "made of messages of the document must be"),
    ("messages", {"made": 1, "items": 1}, "messages of the document must be a list"),
    ("messages", {"made": 1, "items": [{}]}, "a message of the document has no handle"),
    ("contacts", {"made": 1, "items": [{"id": 1}]}, "id of a contact of the document must be text"),
    ("lines", [{"line": LINE, "status": "BAD"}], "status of a line must be one of"),
    ("lines", [{"line": LINE, "assignment": "BAD"}], "assignment of a line must be one of"),
    ("lines", [{"line": LINE, "blocked": 1}], "blocked of a line of the document must be True or False"),
    ("recipients", [{"number": NUMBER, "colour": 1}], "a recipient of the document has the unknown name 'colour'"),
    ("totp", {"made": 1, "items": [{"id": "a", "created_s": 1, "secret": "0"}]}, "not base32"),
    ("totp", {"made": 1, "items": [{"id": "a", "created_s": 1, "secret": SECRET, "digits": 7}]}, "digits must be"),
    ("activity", {"last": [["a"]], "new": []}, "activity of the document must be"),
]


@pytest.mark.parametrize(("part", "value", "problem"), WRONG)
def test_a_wrong_document_makes_no_tenant(part: str, value: object, problem: str) -> None:
    async def test(mock: InProcessMock) -> None:
        tenant = mock.tenants.create()
        fill(tenant)
        document = json.loads(json.dumps(tenant.export(with_seed=True)))
        await mock.tenants.remove(tenant)
        document["account"][part] = value
        before = mock.tenants.all()
        with pytest.raises(ConfigError, match=problem):
            mock.tenants.restore(document)
        assert mock.tenants.all() == before

    on(mock_with, test)


def test_outside_a_loop_messages_under_way_stay_as_they_are() -> None:
    async def exported(account: Any, tenant: Tenant) -> object:
        account.messages.send(NUMBER, "hello", LINE)
        return json.loads(json.dumps(tenant.export(with_seed=True)))

    from offhook.interfaces import Ids
    from offhook_mockserver.tenants.tenant import Tenants

    document = with_account(exported)
    (message,) = Tenants(Ids(1)).restore(document).account.messages
    assert message.status == "QUEUED"
