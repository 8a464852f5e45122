"""The file of expected failures: clauses that a plugin is known to fail.

::

    contract = 2

    [expected_failures]
    transport-16 = "does not come back after an outage yet"
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, cast

from offhook.errors import ConfigError
from offhook.testing.conformance.clause import CONTRACT

if TYPE_CHECKING:
    from pathlib import Path


def read_expected(path: Path) -> dict[str, str]:
    """Return the clauses that are expected to fail, by id, each with its reason.

    Raises:
        ConfigError: the file cannot be read, is for another version of the contract, or has another form.
    """
    form = f'write contract = {CONTRACT}, then below [expected_failures] lines such as transport-16 = "why"'
    try:
        document: dict[str, object] = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"the file of expected failures, {path}, cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the file of expected failures, {path}, is not valid TOML: {error}; {form}") from None
    if document.get("contract") != CONTRACT:
        raise ConfigError(
            f"{path} is for version {document.get('contract')!r} of the contract and offhook has version {CONTRACT}: "
            f"read `offhook docs conformance` for what changed, then write contract = {CONTRACT}"
        )
    known = document.get("expected_failures", {})
    if not isinstance(known, dict) or not all(
        isinstance(reason, str) and reason for reason in cast("dict[str, object]", known).values()
    ):
        raise ConfigError(f"{path}: each expected failure needs its reason as a string; {form}")
    return cast("dict[str, str]", known)
