"""A channel from inside: its members, who hears whom, and who may join. No HTTP, no socket, no tenant."""

from __future__ import annotations
