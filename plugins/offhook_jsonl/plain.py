"""Documents as JSON that holds no secret and that every reader takes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias, cast

from offhook.secret import redact

Plain: TypeAlias = "bool | int | float | str | list[Plain] | dict[str, Plain] | None"


def to_json(document: Mapping[str, object], *, indent: int | None = None) -> bytes:
    """`document` as UTF-8 JSON, on one line unless `indent` is given.

    Secrets are masked before JSON escapes anything in them, in keys as in values. What JSON has no word for becomes
    text: infinite numbers, enumerations, objects.
    """
    text = json.dumps(_plain(document), ensure_ascii=False, allow_nan=False, indent=indent)
    # A lone surrogate (a file name of undecodable bytes) becomes the JSON escape of the same spelling.
    return text.encode("utf-8", "backslashreplace")


def _plain(value: object) -> Plain:
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        return {redact(str(key)): _plain(item) for key, item in items}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in cast("Sequence[object]", value)]
    return redact(str(value))
