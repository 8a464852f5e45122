"""The memory door: the transport ``memory``, which passes PCM within one process, without codec, threads or sockets."""

from __future__ import annotations
