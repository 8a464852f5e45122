"""The APIs that HTTP clients see."""

from __future__ import annotations
