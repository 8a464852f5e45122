"""What a tenant's account at Sendblue holds: its messages, contacts, tokens and what else is created and listed."""

from __future__ import annotations
