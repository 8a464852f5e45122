"""One real call to a number of one's own, and what it showed of what is only assumed about Sendblue's side."""

from __future__ import annotations
