"""Contacts of a shared line: each is verified once it has sent a message to the line."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from offhook_mockserver.tenants.account.documents import documents_of, each, from_document
from offhook_mockserver.tenants.account.lines import Assignment
from offhook_mockserver.tenants.account.owner import now_s
from offhook_mockserver.tenants.account.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from offhook_mockserver.tenants.account.lines import Lines
    from offhook_mockserver.tenants.account.owner import AccountOwner
    from offhook_mockserver.tenants.entry import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedContact:
    """A contact of the shared line.

    Attributes:
        phone_number: its number.
        created_s: when it was made, in seconds since 1970.
        updated_s: when it last changed.
        verified: whether it has sent a message to the line.
    """

    phone_number: str
    created_s: float
    updated_s: float
    verified: bool = False


class VerifiedContacts:
    """The contacts of one account's shared line.

    Args:
        owner: whose account it is.
        lines: the lines of the account.
    """

    def __init__(self, owner: AccountOwner, lines: Lines) -> None:
        self._owner = owner
        self._lines = lines
        self._kept: Table[VerifiedContact] = Table("verified contacts", owner.bounds)

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[VerifiedContact]:
        return iter(self._kept)

    @property
    def line(self) -> str:
        """The line that they send to: the first that is shared, or else the first of the account."""
        numbers = self._owner.lines
        shared = (number for number in numbers if self._lines.of(number).assignment == Assignment.SHARED)
        return next(shared, numbers[0])

    def get(self, number: str) -> VerifiedContact | None:
        """The contact with this number, or None."""
        return self._kept.get(number)

    def create(self, number: str) -> VerifiedContact:
        """The contact with this number, which is made if it does not exist.

        Raises:
            AccountFull: there are too many.
        """
        contact = self._kept.get(number)
        if contact is None:
            at_s = now_s(self._owner)
            contact = VerifiedContact(phone_number=number, created_s=at_s, updated_s=at_s)
            self._kept.put(number, contact)
        return contact

    def heard(self, number: str, line: str) -> None:
        """A message from a number has arrived at a line."""
        contact = self._kept.get(number)
        if contact is not None and not contact.verified and line == self.line:
            self._kept.put(number, replace(contact, verified=True, updated_s=now_s(self._owner)))

    def to_json(self) -> list[Json]:
        """The contacts as a list of JSON."""
        return documents_of(self._kept)

    def restore(self, document: object) -> None:
        """Take what `to_json` returned.

        Raises:
            ConfigError: it is not such a list.
        """
        for item in each(document, "verified contacts"):
            contact = from_document(VerifiedContact, item, "a verified contact")
            self._kept.put(contact.phone_number, contact)
