"""The seats of an account: the people who use it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from offhook.arguments import check_text
from offhook.errors import ConfigError
from offhook.interfaces import Ids, e164
from offhook_mockserver.tenants.account.documents import documents_of, each, from_document
from offhook_mockserver.tenants.account.ids import uuid_like
from offhook_mockserver.tenants.account.owner import now_s
from offhook_mockserver.tenants.account.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from offhook_mockserver.tenants.account.owner import AccountOwner
    from offhook_mockserver.tenants.entry import Json


#: Digits of a Firebase Auth subject.
_SUBJECT: Final = 28


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """A seat.

    Attributes:
        id: its id, a UUID.
        subject: another id of it, as Firebase Auth has it.
        email: the address of its user.
        first_name, last_name: the user's names.
        forwarding_number: where calls are forwarded to, or None.
        created_s: when it was made, in seconds since 1970.
    """

    id: str
    subject: str
    email: str
    first_name: str
    last_name: str
    forwarding_number: str | None
    created_s: float


class Seats:
    """The seats of one account. It begins with one, that of its owner.

    Args:
        owner: whose account it is.
        email: the address of the account.
    """

    def __init__(self, owner: AccountOwner, email: str) -> None:
        self._owner = owner
        self._kept: Table[Seat] = Table("seats", owner.bounds)
        self._made = 0
        self.add(email, first_name="Account", last_name="Owner")

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[Seat]:
        return iter(self._kept)

    def find(self, id: str) -> Seat | None:
        """The seat with this id or this subject, or None."""
        found = self._kept.get(id)
        return found if found is not None else next((seat for seat in self._kept if seat.subject == id), None)

    def of(self, email: str | None) -> list[Seat]:
        """The seats with this address, or all, oldest first."""
        return [seat for seat in self._kept if email in {None, seat.email}]

    def add(
        self, email: str, *, first_name: str = "", last_name: str = "", forwarding_number: str | None = None
    ) -> Seat:
        """Add a seat, as a test wants it.

        Raises:
            ConfigError: an argument is not valid, or there are too many seats.
        """
        if "@" not in check_text(email, "email", "someone@example.com"):
            raise ConfigError(f"email must be an e-mail address, got {email!r}")
        ids = Ids(f"{self._owner.seed}/seat/{self._made + 1}")
        seat = Seat(
            id=uuid_like(ids),
            subject=ids.hex(_SUBJECT),
            email=email,
            first_name=check_text(first_name, "first_name"),
            last_name=check_text(last_name, "last_name"),
            forwarding_number=None if forwarding_number is None else e164(forwarding_number, "forwarding_number"),
            created_s=now_s(self._owner),
        )
        self._kept.put(seat.id, seat)
        self._made += 1
        return seat

    def remove(self, id: str) -> bool:
        """Remove a seat; returns whether there was one with this id."""
        return self._kept.pop(id) is not None

    def to_json(self) -> dict[str, Json]:
        """The seats as an object of JSON."""
        return {"made": self._made, "items": documents_of(self._kept)}

    def restore(self, made: int, items: object) -> None:
        """Take the parts of what `to_json` returned, in place of the seats that there are.

        Raises:
            ConfigError: they are not valid.
        """
        seats = [from_document(Seat, item, "a seat") for item in each(items, "seats")]
        for old in tuple(self._kept):
            self._kept.pop(old.id)
        self._made = made
        for seat in seats:
            self._kept.put(seat.id, seat)
