"""How an API of the mock declares its operations: their fields, their answers, and where they are found."""

from __future__ import annotations
