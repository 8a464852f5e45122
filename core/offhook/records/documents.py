"""Documents of stores as JSON without secrets, and back.

These functions are in the core because every store needs them, and plugins do not import one another.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn, TypeAlias, cast

from offhook.arguments import check_flag, check_instance
from offhook.secret import may_be_in_json, redact
from offhook.session.facts import evidence_code

if TYPE_CHECKING:
    from offhook.interfaces.store import Document


Plain: TypeAlias = "bool | int | float | str | list[Plain] | dict[str, Plain] | None"


def to_json(document: Mapping[str, object], *, indent: int | None = None) -> bytes:
    """`document` as UTF-8 JSON, on one line unless `indent` is given.

    Secrets are masked before JSON escapes anything in them, in keys and in values. Values that JSON cannot express
    become text: infinite numbers, enumerations, objects.
    """
    text = None
    if _is_plain(document):
        with contextlib.suppress(ValueError):  # an infinite number
            text = _dumps(document, indent)
    if text is None or may_be_in_json(text):
        text = _dumps(_plain(document), indent)
    # A lone surrogate (from a file name with undecodable bytes) is escaped; Python and JSON spell that escape alike.
    return text.encode("utf-8", "backslashreplace")


def _dumps(document: object, indent: int | None) -> str:
    return json.dumps(document, ensure_ascii=False, allow_nan=False, indent=indent)


#: How deeply a document may be nested; ours are by five levels.
_MOST_NESTED: Final = 32


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a name occurs twice")
    return fields


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _depth(value: object) -> int:
    """How deeply `value` is nested; stops counting beyond `_MOST_NESTED`."""
    depth, level = 0, [value]
    while level and depth <= _MOST_NESTED:
        depth += 1
        level = [inner for outer in level for inner in _inside(outer) if _is_nested(inner)]
    return depth


def _is_nested(value: object) -> bool:
    return isinstance(value, (dict, list))


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return cast("dict[str, object]", value).values()
    return cast("list[object]", value)


def load_json(text: str | bytes, *, entry: bool = False) -> dict[str, object] | None:
    """The document that `to_json` wrote; None for anything else.

    That is half a line, an object with a name twice, or one nested more deeply than any of ours. In entries and
    records of an older version, the evidence is replaced by the codes of this version.

    Args:
        text: the JSON.
        entry: it is an entry of a journal; a record may come to hold it, and is more deeply nested then.

    Raises:
        ConfigError: `text` is neither text nor bytes, or `entry` is not a bool.
    """
    check_instance(text, "text", (str, bytes), "text or bytes")
    check_flag(entry, "entry")
    try:
        value: object = json.loads(text, object_pairs_hook=_unique, parse_constant=_not_json)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or _depth(cast("object", value)) > _MOST_NESTED - 2 * entry:
        return None
    document = cast("dict[str, object]", value)
    timeline = document.get("timeline")
    for item in (document, *(cast("list[object]", timeline) if isinstance(timeline, list) else ())):
        if isinstance(item, dict) and "evidence" in item:
            item["evidence"] = evidence_code(cast("dict[str, object]", item)["evidence"])
    return document


def with_relative_paths(record: Mapping[str, object], folder: Path) -> dict[str, object]:
    """A record for a file in `folder`, with relative paths to the recordings in it, so that the folder can be moved."""
    files = {name: _within(path, folder) for name, path in recordings(record).items()}
    return {**record, "files": files} if files else dict(record)


def _within(path: str, folder: Path) -> str:
    try:
        return os.fspath(Path(path).relative_to(folder.absolute()))
    except ValueError:
        return path


def recordings(record: Mapping[str, object]) -> dict[str, str]:
    """The paths of the recordings that a record names; the key names the content of each."""
    files = record.get("files")
    if not isinstance(files, Mapping):
        return {}
    return {str(name): str(path) for name, path in cast("Mapping[object, object]", files).items()}


#: The types of which JSON writes each value as `_plain` would; an infinite float it refuses.
_AS_THEY_ARE: Final = frozenset((str, int, float, bool, type(None)))


def _is_plain(value: object) -> bool:
    """Whether `_plain` would change nothing in `value` but secrets and infinite numbers. Nearly all documents are."""
    kind = type(value)
    if kind is dict:
        fields = cast("dict[object, object]", value)
        return all(type(name) is str for name in fields) and all(
            type(item) in _AS_THEY_ARE or _is_plain(item) for item in fields.values()
        )
    if kind is list:
        return all(type(item) in _AS_THEY_ARE or _is_plain(item) for item in cast("list[object]", value))
    return kind in _AS_THEY_ARE


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


PROBLEM: Final = "the process that made this call died in mid-call: it was killed, or the machine went down"


def mark_interrupted(record: Document) -> dict[str, object]:
    """Return the record, marked as interrupted. This replaces its `problem`, if the call had survived one."""
    return {**record, "interrupted": True, "problem": PROBLEM}


def is_unfinished(record: Document) -> bool:
    """Whether the call is still going on, according to its record."""
    return record.get("ended_at_s") is None and not record.get("interrupted")


def is_brief(record: Document) -> bool:
    """Whether a record was saved without its timeline, as is usual during the call: the journal holds the timeline."""
    return "timeline" not in record


def interrupted_sentence(record: Document) -> str:
    """One sentence about an interrupted call: its number (masked), time and recording, and the command to read on."""
    files = ", ".join(recordings(record).values())
    recording = f"; recording: {files}" if files else "; nothing was recorded"
    return (
        f"the call {record.get('call_id')} to {record.get('number')} of {record.get('dialed_at')} was interrupted: its "
        f"process died{recording}; see: offhook records show {record.get('call_id')}"
    )
