"""A channel from inside: members, who hears whom, who may come in. No HTTP, no socket, no tenant."""

from __future__ import annotations
