"""``offhook records``: reads stored calls."""

from __future__ import annotations
