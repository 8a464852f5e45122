"""Where people find what the mock answers, for code that runs before anybody has asked for it."""

from __future__ import annotations

from typing import Final

#: The page that describes Sendblue's API as the mock answers it.
DOCS: Final = "/mock/docs"
