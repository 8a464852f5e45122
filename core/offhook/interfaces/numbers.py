"""Telephone numbers: which may be dialled, and how they are shown.

E.164 is checked with ``fullmatch`` and ``[0-9]``: ``match``, ``$`` and ``\\d`` would accept a trailing newline and the
digits of other scripts.
"""

from __future__ import annotations

import re
from typing import Final

from offhook.errors import NumberRejected
from offhook.interfaces.emergency_numbers import is_emergency
from offhook.wording import quoted

_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")


def e164(number: str, what: str = "number") -> str:
    """Check that `number` is an E.164 number that may be dialled, and return it.

    Sendblue's security page says that 911 is blocked; offhook never sends Sendblue an emergency number.

    Args:
        number: the number.
        what: how messages name it.

    Raises:
        NumberRejected: it is an emergency number, or it is not a plus sign and 7 to 15 digits with nothing around them.
    """
    if not isinstance(number, str):  # pyright: ignore[reportUnnecessaryIsInstance] - programs may pass anything
        raise NumberRejected(f"the {what} must be text, such as '+14155550123', got {type(number).__name__}")
    if is_emergency(number):
        raise NumberRejected(f"{quoted(number)} is an emergency number: offhook never dials those. Use a telephone.")
    if not _E164.fullmatch(number):
        raise NumberRejected(
            f"the {what} {quoted(number)} is not an E.164 number: write a plus sign, the country code and the number, "
            "7 to 15 digits without spaces, for example +14155550123"
        )
    return number


def mask(number: str) -> str:
    """The number for logs, with its first four and last four digits: ``+1415•••0123``."""
    return f"{number[:5]}•••{number[-4:]}" if len(number) > 10 else f"{number[:2]}•••{number[-2:]}"


def mask_these(text: str, *numbers: str | None) -> str:
    """`text`, with `numbers` masked wherever they occur. A longer one is masked first: it can contain a shorter one."""
    for number in sorted(filter(None, numbers), key=len, reverse=True):
        text = text.replace(number, mask(number))
    return text


def mask_all(text: str) -> str:
    """`text`, with everything masked that looks like an E.164 number."""
    return _E164.sub(lambda found: mask(found[0]), text) if "+" in text else text
