"""Agora's SDK without Agora: a native library that joins the rooms of a mock, below upstream's own Python layer."""

from __future__ import annotations
