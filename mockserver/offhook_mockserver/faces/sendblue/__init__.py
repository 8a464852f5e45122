"""Sendblue's API as its clients see it."""

from __future__ import annotations
