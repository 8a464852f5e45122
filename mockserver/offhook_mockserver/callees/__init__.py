"""Simulated callees: scripts as data, their interpreter with its ear and its voice, and the table of numbers."""

from __future__ import annotations
