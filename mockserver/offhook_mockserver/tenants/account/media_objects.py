"""The media objects of an account. The mock fetches no media: it keeps where they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from offhook.interfaces import Ids
from offhook_mockserver.tenants.account.documents import documents_of, each, from_document
from offhook_mockserver.tenants.account.owner import now_s
from offhook_mockserver.tenants.account.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from offhook_mockserver.tenants.account.owner import AccountOwner
    from offhook_mockserver.tenants.entry import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaObject:
    """A media object.

    Attributes:
        id: its id.
        url: where its content is.
        created_s: when it was uploaded, in seconds since 1970.
    """

    id: str
    url: str
    created_s: float


class MediaObjects:
    """The media objects of one account; the oldest are dropped if there are too many.

    Args:
        owner: whose account it is.
    """

    def __init__(self, owner: AccountOwner) -> None:
        self._owner = owner
        self._kept: Table[MediaObject] = Table("media objects", owner.bounds)
        self._made = 0

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[MediaObject]:
        return iter(self._kept)

    def upload(self, url: str) -> MediaObject:
        """A new media object."""
        self._made += 1
        id = Ids(f"{self._owner.seed}/media object/{self._made}").hex(24)
        made = MediaObject(id=f"media_{id}", url=url, created_s=now_s(self._owner))
        self._kept.push(made.id, made)
        return made

    def to_json(self) -> dict[str, Json]:
        """The media objects as an object of JSON."""
        return {"made": self._made, "items": documents_of(self._kept)}

    def restore(self, made: int, items: object) -> None:
        """Take the parts of what `to_json` returned.

        Raises:
            ConfigError: they are not valid.
        """
        self._made = made
        for item in each(items, "media objects"):
            media = from_document(MediaObject, item, "a media object")
            self._kept.push(media.id, media)
