"""Agora's channel: finds, fetches and checks Agora's SDK, which never runs in this process."""

from __future__ import annotations
