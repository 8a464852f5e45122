"""The PCM door: one WebSocket for events and audio, and no media library at either end."""

from __future__ import annotations
