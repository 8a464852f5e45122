"""The verbs of scripts, one class each: its arguments, its words, and how it is done."""

from __future__ import annotations
