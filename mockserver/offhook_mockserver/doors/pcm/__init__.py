"""The PCM door: one WebSocket for events and audio, with no media library at either end."""

from __future__ import annotations
