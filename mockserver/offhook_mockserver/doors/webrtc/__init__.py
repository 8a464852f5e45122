"""The WebRTC door: the relay that the transport ``aiortc`` joins."""

from __future__ import annotations
