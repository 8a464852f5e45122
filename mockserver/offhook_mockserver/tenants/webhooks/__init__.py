"""Webhooks of a tenant: who wants which events, and how these are delivered, without ever holding up a call."""

from __future__ import annotations
