"""Where the steps of scripts stand in a TOML file: `tomllib` returns values without their lines."""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import Final

#: A comment, a string of one of the four kinds, a character that opens, closes or separates, or a bare word.
_TOKEN: Final = re.compile(
    r'#[^\n]*|"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\''
    r'|[\[\]{},]|[^\s\[\]{},"\'#]+',
    re.DOTALL,
)
_CALLEE: Final = re.compile(r"[ \t]*\[\[[ \t]*callee[ \t]*\]\]")
_STEPS: Final = re.compile(r"[ \t]*steps[ \t]*=[ \t]*")
_STEPS_TABLE: Final = re.compile(r"[ \t]*\[\[[ \t]*callee[ \t]*\.[ \t]*steps[ \t]*\]\]")


class StepLines:
    """The lines of callees and of their steps.

    Args:
        text: a valid TOML document.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._newlines = [match.start() for match in re.finditer("\n", text)]
        self._callees: list[int] = []
        self._steps: list[list[int]] = []
        at = 0
        while at < len(text):
            at = self._statement(at)

    def of_callee(self, index: int) -> int:
        """The line of the header of a callee; 1 if the file has it in another form."""
        return self._callees[index] if index < len(self._callees) else 1

    def of_step(self, callee: int, index: int) -> int:
        """The line on which a step begins, or else that of its callee."""
        steps = self._steps[callee] if callee < len(self._steps) else []
        return steps[index] if index < len(steps) else self.of_callee(callee)

    def _line(self, at: int) -> int:
        return bisect_left(self._newlines, at) + 1

    def _statement(self, at: int) -> int:
        """Read what begins at the start of a line; returns where the next line begins that is outside of brackets."""
        if _CALLEE.match(self._text, at):
            self._callees.append(self._line(at))
            self._steps.append([])
        elif self._steps and _STEPS_TABLE.match(self._text, at):
            self._steps[-1].append(self._line(at))
        elif self._steps and (found := _STEPS.match(self._text, at)):
            self._array(found.end())
        return self._next(at)

    def _array(self, at: int) -> None:
        """Note the lines of the elements of the array that begins at `at`."""
        depth, expected = 0, False
        for token in _TOKEN.finditer(self._text, at):
            mark = token[0]
            if mark[0] == "#":
                continue
            if expected and mark != "]" and depth == 1:
                self._steps[-1].append(self._line(token.start()))
                expected = False
            if mark in "[{":
                depth += 1
                expected = expected or (mark == "[" and depth == 1)
            elif mark in "]}":
                depth -= 1
                if depth == 0:
                    return
            elif mark == "," and depth == 1:
                expected = True

    def _next(self, at: int) -> int:
        depth, end = 0, at
        while True:
            newline = self._text.find("\n", end)
            token = _TOKEN.search(self._text, end)
            if (token is None or (0 <= newline < token.start())) and (depth == 0 or token is None):
                return newline + 1 if newline >= 0 else len(self._text)
            if token[0] in "[{":
                depth += 1
            elif token[0] in "]}":
                depth -= 1
            end = token.end()
