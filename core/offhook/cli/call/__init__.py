"""``offhook call``: places one call."""

from __future__ import annotations
