"""Fetches Agora's native library on purpose: over verified TLS, held to a hash, and whole or not at all."""

from __future__ import annotations
