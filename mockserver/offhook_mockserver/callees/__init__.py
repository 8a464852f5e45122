"""Who answers: scripts as data, one interpreter, its ear and its voice, and the table of numbers."""

from __future__ import annotations
