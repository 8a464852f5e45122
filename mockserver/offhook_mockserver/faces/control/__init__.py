"""The mock's own API, with its own prefix and token, through which programs control a running mock."""

from __future__ import annotations
