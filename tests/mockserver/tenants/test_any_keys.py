"""Tenants that a mock makes of the keys that clients show."""

from __future__ import annotations

import pytest

from offhook.interfaces import Ids
from offhook.testing import LoopClock, run_virtual
from offhook_mockserver.server import TenantBounds, TenantSettings
from offhook_mockserver.tenants.tenant import MOST_SHOWN, Tenant, Tenants


def tenants(*, seed: int = 1) -> Tenants:
    return Tenants(Ids(seed), LoopClock(), open_to_any_keys=True)


def admitted(among: Tenants, key: str, secret: str = "secret of a test") -> Tenant:
    tenant = among.admit(key, secret)
    assert tenant is not None
    return tenant


def test_a_mock_is_not_open_by_itself() -> None:
    assert Tenants(Ids(1)).admit("a key", "a secret") is None


def test_each_key_pair_has_one_tenant_also_with_another_secret_for_the_same_key_id() -> None:
    async def main() -> None:
        among = tenants()
        tenant, other = admitted(among, "a key"), admitted(among, "a key", "another secret")
        assert admitted(among, "a key") is tenant
        assert admitted(among, "a key", "another secret") is other
        assert [each.id for each in among.all()] == ["a key", "a key-2"]
        assert (among.named("a key"), among.named("a key-2")) == (tenant, other)
        taken = admitted(among, "a key-2", "another secret")
        assert taken not in {tenant, other}
        assert (taken.id, among.of_key("a key-2")) == ("a key-2-2", taken)
        await among.remove(tenant)
        assert (among.find("a key", "secret of a test"), among.of_key("a key")) == (None, other)
        assert admitted(among, "a key").id == "a key"

    run_virtual(main())


def test_a_key_id_that_the_mock_has_made_keeps_its_secret_and_a_refusal_says_why() -> None:
    among = tenants()
    made = among.create(seed=7)
    key = made.api_key.reveal()
    assert among.admit(key, "another secret") is None
    assert "has made that sb-api-key-id itself, with another secret" in among.why_not_admitted(key)
    assert "must be printable" in among.why_not_admitted("mock_secret_1")
    assert "the pair that it printed" in Tenants(Ids(1)).why_not_admitted("a key")
    assert not among.why_not_admitted("a key")


def test_such_a_tenant_is_like_the_oldest_one() -> None:
    among = tenants()
    oldest = among.create(
        lines=("+18885550190",), settings=TenantSettings(lenient=True), bounds=TenantBounds(calls=3), seed=7
    )
    among.create()
    tenant = admitted(among, "a key")
    assert (tenant.lines, tenant.settings, tenant.bounds) == (oldest.lines, oldest.settings, oldest.bounds)
    tenant.settings.lenient = False
    assert oldest.settings.lenient


def test_everything_random_follows_from_the_keys() -> None:
    one, other = admitted(tenants(seed=1), "a key"), admitted(tenants(seed=2), "a key")
    assert one.app_id == other.app_id
    assert one.ids_of_call().hex(8) == other.ids_of_call().hex(8)
    assert admitted(tenants(), "a key", "another secret").app_id != one.app_id
    assert admitted(tenants(), "another key").app_id != one.app_id
    assert "secret" not in one.seed


@pytest.mark.fault("F45")
def test_there_is_a_limit_which_removed_tenants_do_not_count_for() -> None:
    async def main() -> None:
        among = tenants()
        among.create()
        made = [admitted(among, f"key {index}") for index in range(MOST_SHOWN)]
        assert among.admit("one more", "secret") is None
        assert f"{MOST_SHOWN} key pairs" in among.why_not_admitted("one more")
        assert admitted(among, "key 0") is made[0]
        await among.remove(made[0])
        assert admitted(among, "one more") in among.all()

    run_virtual(main())


def test_keys_that_are_shown_are_secrets() -> None:
    tenant = admitted(tenants(), "a key of a test")
    assert "a key of a test" not in repr(tenant)
