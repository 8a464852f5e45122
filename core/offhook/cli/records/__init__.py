"""``offhook records``: the calls that were written down."""

from __future__ import annotations
