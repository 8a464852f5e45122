"""The script of a number, looked up in the table of fictional numbers, which is imported for the first call."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from offhook_mockserver.callees.script import Script


def script_for(number: str) -> Script:
    """The script of the callee at `number`; that of numbers which are not in the table is that of its first."""
    from offhook_mockserver.callees.numbers import NUMBERS
    from offhook_mockserver.callees.summaries import DEFAULT_NUMBER

    return NUMBERS.get(number) or NUMBERS[DEFAULT_NUMBER]


def with_scripts(scripts: Mapping[str, Script]) -> Callable[[str], Script]:
    """A function that returns the script of a number: from `scripts`, and else from the table."""
    return lambda number: scripts.get(number) or script_for(number)
