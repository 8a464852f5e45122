"""``python -m offhook`` is the command ``offhook``."""

from __future__ import annotations

from offhook.cli import main

main()
