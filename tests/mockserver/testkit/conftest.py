"""Tests here run pytest within their own process."""

from __future__ import annotations

import tests.imported_first  # noqa: F401
