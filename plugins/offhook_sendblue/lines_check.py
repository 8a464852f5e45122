"""What ``offhook doctor`` says of ``OFFHOOK_FROM_NUMBER=auto``: which lines a call could be from. Nothing rings."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from offhook.errors import OffhookError
from offhook.interfaces import Finding, Level, mask
from offhook_sendblue.answer import FROM_NUMBER_VARIABLE
from offhook_sendblue.auth import EnvAuth
from offhook_sendblue.carrier import SendblueCarrier
from offhook_sendblue.line_choice import AUTO, NO_LINES, best, chosen_among, no_line
from offhook_sendblue.lines import LineStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from offhook.interfaces import Environment
    from offhook_sendblue.lines import Line

_SUBJECT: Final = "lines"
#: How many lines are named.
_SHOWN: Final = 5


def findings(environment: Environment) -> Iterator[Finding]:
    """Yield which lines ``auto`` would choose among; nothing if the setting is another.

    The API is asked, with the keys of the environment: not if `OFFHOOK_AUTH` names another source of keys.
    """
    if environment.as_written(FROM_NUMBER_VARIABLE) != AUTO:
        return
    if environment.as_written("OFFHOOK_AUTH") not in {"", "env"}:
        text = "auto; not asked, because the keys are not from the environment: see `offhook lines`"
        yield Finding(Level.NOTE, _SUBJECT, text)
        return
    try:
        lines = asyncio.run(_ask(environment))
    except OffhookError as error:
        yield Finding(
            Level.WRONG, _SUBJECT, f"{FROM_NUMBER_VARIABLE} is auto, and no line can be chosen: {error.message}"
        )
        return
    named = ", ".join(mask(line.number) for line in lines[:_SHOWN]) + (", ..." if lines[_SHOWN:] else "")
    text = f"auto: a call would be from {named}" + (", by turns" if lines[1:] else "")
    if lines[0].status in {LineStatus.DEGRADED, LineStatus.OFFLINE}:
        yield Finding(Level.NOTE, _SUBJECT, f"{text}: it is one of {chosen_among(lines)}")
    else:
        yield Finding(Level.FINE, _SUBJECT, text)


async def _ask(environment: Environment) -> tuple[Line, ...]:
    """Return the lines that a phone would choose among."""
    carrier = SendblueCarrier.from_environment(environment, EnvAuth(environment))
    try:
        lines = best(await carrier.lines())
    finally:
        await carrier.aclose()
    if not lines:
        raise no_line(NO_LINES)
    return lines
