"""The commands ``offhook mock`` and ``offhook demo``."""

from __future__ import annotations
