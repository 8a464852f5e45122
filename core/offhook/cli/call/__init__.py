"""``offhook call``: one call against whatever the environment names."""

from __future__ import annotations
