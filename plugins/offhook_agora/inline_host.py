"""A host in this process."""

from __future__ import annotations

from offhook_agora.host import Host


class InlineHost(Host):
    """To be written."""
