"""What HTTP clients see."""

from __future__ import annotations
