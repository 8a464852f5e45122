"""An HTTP answer in JSON that can hold every text."""

from __future__ import annotations

import json
from typing import Final

from starlette.responses import JSONResponse

#: Made once: making an encoder takes as long as a small answer.
_encode: Final = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


class JsonAnswer(JSONResponse):
    """An answer in ASCII.

    What a client sent may be part of it, and Starlette's own class raises for half of a surrogate pair, which JSON
    can hold and UTF-8 cannot.
    """

    def render(self, content: object) -> bytes:
        return _encode(content).encode()
