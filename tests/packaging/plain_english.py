"""Counts words that make a reader stop, for `nox -s lint`: `python tests/packaging/plain_english.py FOLDER ...`.

They are correct English and slow to read: "whoever" and "nobody" hide who acts, "is told" hides who tells, "is no X" is
"is not a valid X". A few are right where they stand, so each pair of words has a limit for 1,000 lines of Python.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

#: What is counted together, and how often it may stand in 1,000 lines.
LIMITS: Final[Mapping[str, float]] = {
    r"whoever|nobody": 0.3,
    r"told|tells": 0.5,
    r"is no": 0.3,
    r"so many|for so long": 0.0,
}


def lines_of(folders: Sequence[Path]) -> Iterator[tuple[Path, int, str]]:
    """Every line of the Python files below some folders, with its place."""
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                yield path, number, line


def found(folders: Sequence[Path], words: str) -> tuple[list[str], int]:
    """The places where one of `words` stands, whole and in any case, and the number of lines that were read."""
    wanted = re.compile(rf"\b(?:{words.replace(' ', r'[ ]+')})\b", re.IGNORECASE)
    places: list[str] = []
    lines = 0
    for path, number, line in lines_of(folders):
        lines += 1
        places += [f"{path}:{number}: {line.strip()}" for _ in wanted.findall(line)]
    return places, lines


def main(folders: Sequence[str]) -> int:
    """Print what stands too often and where; returns 1 if anything does."""
    failed = 0
    for words, limit in LIMITS.items():
        places, lines = found([Path(folder) for folder in folders], words)
        rate = 1000 * len(places) / max(1, lines)
        print(f"{words}: {len(places)} in {lines} lines, {rate:.2f} in 1,000 (limit {limit:g})")
        if rate > limit:
            failed = 1
            print("\n".join(places))
            print("Say it as you would to a colleague: subject, verb, object; name who acts.")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
