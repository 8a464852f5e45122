"""``offhook doctor``: what one needs to know in a bad night, and in a bug report."""

from __future__ import annotations
