"""The memory door: the transport ``memory`` in the same process. PCM, no codec, no threads, no sockets."""

from __future__ import annotations
