"""Loads the SDK in a process of its own, as a call does, to prove that it can be loaded. A crash stays there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from offhook.errors import TransportUnavailable
from offhook.interfaces import Finding, Level
from offhook_agora.child_host import ChildHost

if TYPE_CHECKING:
    from offhook.interfaces import Environment
    from offhook_agora.layout import SdkLayout


def prove(layout: SdkLayout, environment: Environment) -> Finding:
    """Return whether the SDK can be loaded, and if not, why.

    Args:
        layout: where the SDK is.
        environment: the settings.
    """
    try:
        asyncio.run(_load(layout, environment))
    except TransportUnavailable as error:
        return Finding(Level.WRONG, "agora import", error.message)
    return Finding(Level.FINE, "agora import", "the SDK was loaded in a process of its own")


async def _load(layout: SdkLayout, environment: Environment) -> None:
    host = ChildHost(layout, environment, asyncio.Lock())
    try:
        await host.ready()
    finally:
        await host.aclose()
