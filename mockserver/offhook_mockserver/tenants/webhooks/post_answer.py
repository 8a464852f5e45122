"""What a receiver answered to a webhook, and why that is not a delivery, for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from offhook_mockserver.tenants.entry import clean_line
from offhook_mockserver.tenants.webhooks.hooks import MOST_SECRET
from offhook_mockserver.tenants.webhooks.targets import shown

#: pytest shows the line of the test, and none of ours.
__tracebackhide__: Final = True

#: How much of a body is kept to be shown, in bytes.
MOST_KEPT_BYTES: Final = 2_048
#: How much of a body, and of the place that a redirect names, a message shows, in characters.
_MOST_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class PostAnswer:
    """An answer to a post.

    Attributes:
        status: its HTTP status.
        body: the beginning of its body; more than `MOST_KEPT_BYTES` need not be kept.
        location: where a redirect points, or "".
    """

    status: int
    body: bytes = b""
    location: str = ""

    @property
    def problem(self) -> str:
        """Why the receiver has not taken the webhook, on one line without secrets; "" if it has."""
        if 200 <= self.status <= 299:
            return ""
        problem = f"the answer was {self.status}"
        if 300 <= self.status <= 399:
            place = f" to {_cut(clean_line(shown(self.location)))}" if self.location else ""
            problem += f", a redirect{place}, and redirects are not followed: register the URL that it points to"
        body = self._shown_body()
        return f"{problem}: {body}" if body else problem

    def _shown_body(self) -> str:
        kept = self.body[:MOST_KEPT_BYTES]
        text = clean_line(" ".join(kept.decode("utf-8", "replace").split()))
        if len(kept) == MOST_KEPT_BYTES:  # its end may be the first half of a secret
            text = f"{text[:-MOST_SECRET]}…"
        return _cut(text)


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 1]}…"


class KeptBody:
    """The beginning of a body that arrives in parts."""

    def __init__(self) -> None:
        self._kept = bytearray()

    def add(self, part: bytes) -> None:
        """Keep as much of the next part as is needed."""
        self._kept += part[: MOST_KEPT_BYTES - len(self._kept)]

    def __bytes__(self) -> bytes:
        return bytes(self._kept)
