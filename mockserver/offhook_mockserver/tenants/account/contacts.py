"""The contacts of an account: created by clients, and with the first message to or from a number."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from offhook.interfaces import Ids, iso_8601
from offhook_mockserver.tenants.account.documents import documents_of, each, from_document
from offhook_mockserver.tenants.account.owner import now_s
from offhook_mockserver.tenants.account.table import AccountFull, Table
from offhook_mockserver.tenants.webhook_types import WebhookType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from offhook_mockserver.tenants.account.events import AccountEvents
    from offhook_mockserver.tenants.account.owner import AccountOwner
    from offhook_mockserver.tenants.account.recipients import Recipients
    from offhook_mockserver.tenants.entry import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A contact.

    Attributes:
        id: its id, which never changes.
        phone: its number, or its e-mail address.
        created_s: when it was created, in seconds since 1970.
        first_name, last_name, company_name: its names.
        assigned_to_email: the user that it is assigned to.
        sendblue_number: the line that it belongs to.
        tags: its tags.
        custom_variables: more about it, by names of the account's choice.
        verified: whether it is verified.
    """

    id: str
    phone: str
    created_s: float
    first_name: str = ""
    last_name: str = ""
    company_name: str = ""
    assigned_to_email: str | None = None
    sendblue_number: str | None = None
    tags: tuple[str, ...] = ()
    custom_variables: dict[str, str] = field(default_factory=dict[str, str])
    verified: bool = False


#: Custom variables of one contact; more are refused.
MOST_VARIABLES: Final = 1_000

#: What contacts can be ordered by; names that end in the same meaning are aliases.
ORDERS: Final[Mapping[str, Callable[[Contact], float | str]]] = {
    "created_at": lambda contact: contact.created_s,
    "createdAt": lambda contact: contact.created_s,
    "first_name": lambda contact: contact.first_name,
    "last_name": lambda contact: contact.last_name,
    "company_name": lambda contact: contact.company_name,
    "phone": lambda contact: contact.phone,
    "phone_number": lambda contact: contact.phone,
}


class Contacts:
    """The contacts of one account, by their numbers.

    Args:
        owner: whose account it is.
        email: the address of the account.
        events: where new ones are reported.
        recipients: knows which of them have opted out.
    """

    def __init__(self, owner: AccountOwner, email: str, events: AccountEvents, recipients: Recipients) -> None:
        self._owner = owner
        self._email = email
        self._events = events
        self._recipients = recipients
        self._kept: Table[Contact] = Table("contacts", owner.bounds)
        self._made = 0

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[Contact]:
        return iter(self._kept)

    def get(self, phone: str) -> Contact | None:
        """The contact with this number, or None."""
        return self._kept.get(phone)

    def create(self, phone: str, **parts: Any) -> Contact:
        """A new contact; clients get ``contact.created`` and a webhook.

        Args:
            phone: its number, which no other contact has.
            parts: other fields of `Contact`.

        Raises:
            AccountFull: there are too many.
        """
        id = Ids(f"{self._owner.seed}/contact/{self._made + 1}").hex(24)
        contact = Contact(id=f"con_{id}", phone=phone, created_s=now_s(self._owner), **parts)
        self._kept.put(phone, contact)
        self._made += 1
        self._report(contact)
        return contact

    def update(self, contact: Contact, **parts: Any) -> Contact:
        """Change fields of a contact; custom variables are merged with those that it has.

        Raises:
            AccountFull: what it holds is too much; nothing has changed.
        """
        if "custom_variables" in parts:
            merged = {**contact.custom_variables, **parts["custom_variables"]}
            if len(merged) > MOST_VARIABLES:
                raise AccountFull(f"a contact may have {MOST_VARIABLES} custom variables")
            parts["custom_variables"] = merged
        changed = replace(contact, **parts)
        self._kept.put(contact.phone, changed)
        return changed

    def delete(self, phone: str) -> bool:
        """Delete a contact; returns whether there was one with this number."""
        return self._kept.pop(phone) is not None

    def met(self, phone: str, line: str, *, inbound: bool) -> None:
        """A message was exchanged: its other side becomes a contact, and an inbound one verifies it."""
        contact = self.get(phone)
        if contact is not None:
            if inbound and not contact.verified:
                self.update(contact, verified=True)
            return
        try:
            self.create(phone, sendblue_number=line, verified=inbound)
        except AccountFull:
            return  # a message is not refused because there are many contacts

    def listed(self, contact: Contact) -> dict[str, Json]:
        """A contact as clients see it."""
        return {
            "assigned_to_email": contact.assigned_to_email,
            "company_name": contact.company_name,
            "contact_id": contact.id,
            "created_at": iso_8601(contact.created_s),
            "custom_variables": contact.custom_variables,
            "first_name": contact.first_name,
            "last_name": contact.last_name,
            "opt_out": self._recipients.of(contact.phone).opted_out,
            "phone": contact.phone,
            "sendblue_number": contact.sendblue_number,
            "tags": contact.tags,
            "verified": contact.verified,
        }

    def to_json(self) -> dict[str, Json]:
        """The contacts as an object of JSON."""
        return {"made": self._made, "items": documents_of(self._kept)}

    def restore(self, made: int, items: object) -> None:
        """Take the parts of what `to_json` returned.

        Raises:
            ConfigError: they are not valid.
        """
        self._made = made
        for item in each(items, "contacts"):
            contact = from_document(Contact, item, "a contact")
            self._kept.put(contact.phone, contact)

    def _report(self, contact: Contact) -> None:
        listed = self.listed(contact)
        line = contact.sendblue_number or ""
        self._events.emit("contact.created", listed, line=line)
        event: dict[str, Json] = {"accountEmail": self._email, **listed}
        self._owner.webhooks.send(WebhookType.CONTACT_CREATED, event, line=line, about=contact.id, number=contact.phone)
