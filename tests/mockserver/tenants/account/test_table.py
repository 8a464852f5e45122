"""Tables hold so much and no more."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from offhook_mockserver.server import TenantBounds
from offhook_mockserver.tenants.account.table import AccountFull, Table


@dataclass(frozen=True)
class Thing:
    text: str = ""


def table(*, items: int = 3, size: int = 100_000) -> Table[Thing]:
    return Table("things", TenantBounds(account_items=items, account_bytes=size))


def test_no_more_is_put_than_there_is_room_for() -> None:
    things = table()
    for id in "abc":
        things.put(id, Thing(id))
    with pytest.raises(AccountFull, match=r"3 things, and this one would be too much: delete some, or raise"):
        things.put("d", Thing())
    things.put("a", Thing("new"))
    assert [thing.text for thing in things] == ["new", "b", "c"]
    assert things.pop("b") == Thing("b")
    assert things.pop("b") is None
    things.put("d", Thing("d"))
    assert ("d" in things, "b" in things, len(things)) == (True, False, 3)


def test_a_replaced_item_counts_with_its_new_size() -> None:
    things = table(size=10_000)
    things.put("a", Thing("x" * 8_000))
    with pytest.raises(AccountFull):
        things.put("b", Thing("x" * 2_000))
    with pytest.raises(AccountFull):
        things.put("a", Thing("x" * 10_000))
    assert things.get("a") == Thing("x" * 8_000)
    things.put("a", Thing())
    things.put("b", Thing("x" * 2_000))
    assert things.dropped == 0


def test_pushing_drops_the_oldest() -> None:
    things = table()
    dropped = [things.push(id, Thing(id)) for id in "abcde"]
    assert dropped == [(), (), (), (Thing("a"),), (Thing("b"),)]
    assert things.dropped == 2
    assert things.get("a") is None
