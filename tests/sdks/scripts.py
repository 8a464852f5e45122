"""What a program on the SDK for Python does, resource by resource, written once for the sync and the async client.

A script is a generator: it yields what a method of the SDK returned, and is sent the answer of the API; the driver
awaits it where the client is async. It names the operations that it calls, and the tests compare that with the journal.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from sendblue_api import SendblueAPI

    from offhook_mockserver.testkit import MockHandle

#: Yields calls of the SDK, sync or async ones, and gets their answers, of whatever type.
Steps: TypeAlias = Generator[Any, Any, None]
Play: TypeAlias = "Callable[[SendblueAPI, MockHandle], Steps]"

CALLEE = "+14155550123"
CONTACT = "+14155550191"
OTHER = "+14155550192"
#: Loopback, so that nothing of it leaves the machine; nothing listens there.
HOOK = "http://127.0.0.1:9/hook"


@dataclass(frozen=True, slots=True)
class Script:
    """A script with the operations that it calls."""

    play: Play
    operations: tuple[str, ...]


def facetime(sdk: SendblueAPI, mock: MockHandle) -> Steps:
    # No SDK has a method for these: their generic ones do it.
    account = yield sdk.get("/account", cast_to=object)
    assert account["status"] == "OK"
    lines = yield sdk.get("/api/lines", cast_to=object)
    assert lines["numbers"] == [mock.line]
    body = {"phoneNumber": CALLEE, "fromNumber": mock.line}
    started = yield sdk.post("/facetime/start-call", cast_to=object, body=body)
    assert started["agora"]["channelName"] == mock.calls[0].channel


def tokens(sdk: SendblueAPI, mock: MockHandle) -> Steps:
    token = yield sdk.auth.tokens.create(expires_in_seconds=60, phone_number=mock.line)
    assert token.phone_numbers == [mock.line]
    assert token.token_type == "Bearer"
    yield sdk.auth.tokens.revoke(token.token_id)  # type: ignore[func-returns-value]


def lines(sdk: SendblueAPI, mock: MockHandle) -> Steps:
    state = yield sdk.lines.get_state()
    assert [line.sendblue_number for line in state.data] == [mock.line]
    usage = yield sdk.lines.get_usage()
    assert usage.status == "OK"
    status = yield sdk.lines.get_contact_status(number=CONTACT, sendblue_number=mock.line)
    assert (status.number, status.sendblue_number) == (CONTACT, mock.line)


def call_forwarding(sdk: SendblueAPI, mock: MockHandle) -> Steps:
    before = yield sdk.lines.call_forwarding.retrieve(mock.line)
    assert (before.sendblue_number, before.forwarding_number) == (mock.line, None)
    yield sdk.lines.call_forwarding.update(sendblue_number=mock.line, forwarding_number=CONTACT)
    assert (yield sdk.lines.call_forwarding.retrieve(mock.line)).forwarding_number == CONTACT
    yield sdk.lines.call_forwarding.delete(mock.line)
    assert (yield sdk.lines.call_forwarding.retrieve(mock.line)).forwarding_number is None


def lookups(sdk: SendblueAPI, mock: MockHandle) -> Steps:
    found = yield sdk.lookups.lookup_number(number=CONTACT)
    assert found.number == CONTACT
    assert found.service in {"iMessage", "SMS"}


def totp(sdk: SendblueAPI, mock: MockHandle) -> Steps:
    secret = "JBSWY3DPEHPK3PXP"
    made = (yield sdk.v2.totp.secrets.create(label="door", secret=secret)).totp_secret
    assert made.label == "door"
    code = yield sdk.v2.totp.get_code(made.id)
    assert len(code.code) == 6
    listed = (yield sdk.v2.totp.secrets.list()).totp_secrets
    assert [each.id for each in listed] == [made.id]
    yield sdk.v2.totp.secrets.delete(made.id)
    assert (yield sdk.v2.totp.secrets.list()).totp_secrets == []


def verified_contacts(sdk: SendblueAPI, mock: MockHandle) -> Steps:
    made = yield sdk.verified_contacts.create(phone_number=CONTACT)
    assert made.data.contact.phone_number == CONTACT
    listed = yield sdk.verified_contacts.list()
    assert [each.phone_number for each in listed.data.contacts] == [CONTACT]
    found = yield sdk.verified_contacts.retrieve(CONTACT)
    assert found.data.contact.phone_number == CONTACT


def seats(sdk: SendblueAPI, mock: MockHandle) -> Steps:
    listed = yield sdk.v2.seats.list()
    count = yield sdk.v2.seats.count()
    assert count.count == len(listed) > 0
    found = yield sdk.v2.seats.retrieve(listed[0].seat_id)
    assert found.seat.to_dict() == listed[0].to_dict()


def messages(sdk: SendblueAPI, mock: MockHandle) -> Steps:
    sent = yield sdk.messages.send(content="hello", number=CONTACT, from_number=mock.line)
    assert (sent.content, sent.number, sent.from_number) == ("hello", CONTACT, mock.line)
    status = yield sdk.messages.get_status(handle=sent.message_handle)
    assert status.message_handle == sent.message_handle
    found = yield sdk.messages.retrieve(sent.message_handle)
    assert found.data.content == "hello"
    listed = yield sdk.messages.list(number=CONTACT, limit=10)
    assert [each.message_handle for each in listed.data] == [sent.message_handle]
    assert listed.pagination.total == 1


def typing_indicators(sdk: SendblueAPI, mock: MockHandle) -> Steps:
    yield sdk.messages.send(content="hello", number=CONTACT, from_number=mock.line)
    shown = yield sdk.typing_indicators.send(number=CONTACT, from_number=mock.line)
    assert (shown.status, shown.number) == ("SENT", CONTACT)


def media_objects(sdk: SendblueAPI, mock: MockHandle) -> Steps:
    made = yield sdk.media_objects.upload(media_url="https://example.com/image.png")
    assert made.media_object_id


def contacts(sdk: SendblueAPI, mock: MockHandle) -> Steps:
    yield sdk.contacts.create(number=CONTACT, body_first_name_1="Ann", body_sendblue_number_1=mock.line)
    found = yield sdk.contacts.retrieve(CONTACT)
    assert (found.contact.phone, found.contact.first_name) == (CONTACT, "Ann")
    yield sdk.contacts.update(phone_number=CONTACT, body_first_name_1="Bea")
    assert [each.first_name for each in (yield sdk.contacts.list())] == ["Bea"]
    assert (yield sdk.contacts.count()).count == 1
    opted = yield sdk.contacts.opt_out(number=CONTACT, opted_out=True)
    assert opted.opted_out is True
    yield sdk.contacts.verify(number=CONTACT)
    yield sdk.contacts.delete(CONTACT)
    assert (yield sdk.contacts.count()).count == 0


def contacts_in_bulk(sdk: SendblueAPI, mock: MockHandle) -> Steps:
    made = yield sdk.contacts.bulk.create(contacts=[{"phone": CONTACT}, {"phone": OTHER}])
    assert len(made.contacts) == 2
    gone = yield sdk.contacts.bulk.delete(contact_ids=[CONTACT, OTHER])
    assert gone.amount == 2


def webhooks(sdk: SendblueAPI, mock: MockHandle) -> Steps:
    other = f"{HOOK}/other"
    yield sdk.webhooks.create(webhooks=[HOOK, {"url": other, "secret": "s3cret"}], type="call_log")
    listed = yield sdk.webhooks.list()
    assert [each if isinstance(each, str) else each.url for each in listed.webhooks.call_log] == [HOOK, other]
    assert listed.webhooks.global_secret is None
    yield sdk.webhooks.delete(webhooks=[HOOK], type="call_log")
    assert len((yield sdk.webhooks.list()).webhooks.call_log) == 1
    yield sdk.webhooks.update(webhooks={"inbound_call": [HOOK]})
    replaced = (yield sdk.webhooks.list()).webhooks
    assert (replaced.call_log or [], replaced.inbound_call) == ([], [HOOK])


def webhooks_at_their_old_path(sdk: SendblueAPI, mock: MockHandle) -> Steps:
    # Older documentation has it, and no SDK.
    path = "/api/v2/account/webhooks"
    yield sdk.post(path, cast_to=object, body={"webhooks": [HOOK]})
    listed = yield sdk.get(path, cast_to=object)
    assert listed["webhooks"]["receive"] == [HOOK]
    yield sdk.delete(path, cast_to=object, body={"webhooks": [HOOK]})
    replaced = yield sdk.put(path, cast_to=object, body={"webhooks": {"outbound": [HOOK]}})
    assert replaced["webhooks"]["outbound"] == [HOOK]


def events(sdk: SendblueAPI, mock: MockHandle) -> Steps:
    stream = yield sdk.events.stream(types="message.updated,line.blocked")
    yield stream.close()


def _of(play: Play, operations: str) -> Script:
    return Script(play, tuple(filter(None, (line.strip() for line in operations.splitlines()))))


SCRIPTS = (
    _of(
        facetime,
        """
        GET /account
        GET /api/lines
        POST /facetime/start-call
        """,
    ),
    _of(
        tokens,
        """
        POST /v3/auth/tokens
        DELETE /v3/auth/tokens/{}
        """,
    ),
    _of(
        lines,
        """
        GET /api/v2/lines/state
        GET /api/v2/lines/usage
        GET /api/v2/lines/contact-status
        """,
    ),
    _of(
        call_forwarding,
        """
        GET /api/lines/{}/call-forwarding
        PUT /api/lines/{}/call-forwarding
        DELETE /api/lines/{}/call-forwarding
        """,
    ),
    _of(lookups, "GET /api/evaluate-service"),
    _of(
        totp,
        """
        POST /api/v2/totp/secrets
        GET /api/v2/totp/secrets
        DELETE /api/v2/totp/secrets/{}
        GET /api/v2/totp/code/{}
        """,
    ),
    _of(
        verified_contacts,
        """
        POST /v3/verified-contacts
        GET /v3/verified-contacts
        GET /v3/verified-contacts/{}
        """,
    ),
    _of(
        seats,
        """
        GET /api/v2/seats
        GET /api/v2/seats/count
        GET /api/v2/seats/{}
        """,
    ),
    _of(
        messages,
        """
        POST /api/send-message
        GET /api/status
        GET /api/v2/messages
        GET /api/v2/messages/{}
        """,
    ),
    _of(
        typing_indicators,
        """
        POST /api/send-message
        POST /api/send-typing-indicator
        """,
    ),
    _of(media_objects, "POST /api/upload-media-object"),
    _of(
        contacts,
        """
        POST /api/v2/contacts
        GET /api/v2/contacts
        GET /api/v2/contacts/count
        POST /api/v2/contacts/opt-out
        POST /api/v2/contacts/verify
        GET /api/v2/contacts/{}
        PUT /api/v2/contacts/{}
        DELETE /api/v2/contacts/{}
        """,
    ),
    _of(
        contacts_in_bulk,
        """
        POST /api/v2/contacts/bulk
        DELETE /api/v2/contacts
        """,
    ),
    _of(
        webhooks,
        """
        GET /api/account/webhooks
        POST /api/account/webhooks
        PUT /api/account/webhooks
        DELETE /api/account/webhooks
        """,
    ),
    _of(
        webhooks_at_their_old_path,
        """
        GET /api/v2/account/webhooks
        POST /api/v2/account/webhooks
        PUT /api/v2/account/webhooks
        DELETE /api/v2/account/webhooks
        """,
    ),
    _of(events, "GET /api/v2/events"),
)
