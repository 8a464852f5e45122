"""The tenants of a mock by their ids and by their key pairs."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from offhook.secret import Secret


class Keyed(Protocol):
    """What is needed of a tenant."""

    @property
    def id(self) -> str:
        """What it is called."""
        ...

    @property
    def api_key(self) -> Secret:
        """Its key id."""
        ...

    @property
    def api_secret(self) -> Secret:
        """Its secret key."""
        ...


_Tenant = TypeVar("_Tenant", bound=Keyed)


class TenantKeys(Generic[_Tenant]):
    """Finds tenants. Two may have the same key id with different secrets; an id belongs to one."""

    def __init__(self) -> None:
        self._by_id: dict[str, _Tenant] = {}
        self._by_key: dict[str, tuple[_Tenant, ...]] = {}

    def free_id(self, api_key: str) -> str:
        """The id of the next tenant with a key id: that itself, or with the first free number behind it."""
        if api_key not in self._by_id:
            return api_key
        return next(id for number in count(2) if (id := f"{api_key}-{number}") not in self._by_id)

    def add(self, tenant: _Tenant) -> None:
        """Let a tenant be found."""
        key = tenant.api_key.reveal()
        self._by_id[tenant.id] = tenant
        self._by_key[key] = (*self.of_key(key), tenant)

    def remove(self, tenant: _Tenant) -> None:
        """Let a tenant be found no more. Idempotent."""
        if self._by_id.get(tenant.id) is not tenant:
            return
        del self._by_id[tenant.id]
        key = tenant.api_key.reveal()
        others = tuple(other for other in self._by_key.pop(key) if other is not tenant)
        if others:
            self._by_key[key] = others

    def find(self, api_key: str, api_secret: str) -> _Tenant | None:
        """The tenant of a key pair, or None; the secret is compared in constant time."""
        for tenant in self.of_key(api_key):
            if tenant.api_secret.matches(api_secret):
                return tenant
        return None

    def of_key(self, api_key: str) -> tuple[_Tenant, ...]:
        """The tenants with a key id, oldest first."""
        return self._by_key.get(api_key, ())

    def named(self, id: str) -> _Tenant | None:
        """The tenant with an id, or None."""
        return self._by_id.get(id)

    def all(self) -> tuple[_Tenant, ...]:
        """Every tenant, oldest first."""
        return tuple(self._by_id.values())
