"""``offhook doctor``: checks an installation."""

from __future__ import annotations
