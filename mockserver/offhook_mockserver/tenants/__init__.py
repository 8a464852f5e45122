"""Tenants: a key pair and everything that belongs to it: lines, calls, tokens, settings."""

from __future__ import annotations

import warnings


def __getattr__(name: str) -> object:
    if name != "Tenant":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from offhook_mockserver.tenants.tenant import Tenant

    warnings.warn(
        f"{__name__}.Tenant has moved: write `from offhook_mockserver.server import Tenant`. The old path ends with "
        "the next version of offhook",
        DeprecationWarning,
        stacklevel=2,
    )
    return Tenant
