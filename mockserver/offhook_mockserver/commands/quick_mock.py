"""``offhook mock`` with plain options, without typer, whose import and checks take longer than the mock's own start.

What is not written here as simply as can be (help, subcommands, mistakes) is left to typer, which tells people more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.cli import EarlySignals
from offhook.errors import OffhookError

if TYPE_CHECKING:
    from offhook_mockserver.commands.serving import MockOptions

#: The options of `commands/mock.py` that have no value, and those that have one. A test compares them.
FLAGS: Final = ("--json", "--lenient", "--open")
WITH_VALUE: Final = ("--port", "--recordings", "--env-file", "--scripts", "--webhook-host", "--late-limit-ms")
_REPEATED: Final = "--webhook-host"
_MOST_PORT: Final = 65_535
_LEAST_LATE_MS, _MOST_LATE_MS = 1.0, 10_000.0


def quick_mock(arguments: list[str]) -> int | None:
    """Run the mock and return its exit code; None for arguments that typer must read.

    Args:
        arguments: what was typed after ``offhook mock``.

    Raises:
        ConfigError, StorageError: see `serving.running`.
        typer.Exit: a signal arrived before it listened.
    """
    given = _given(arguments)
    if given is None:
        return None
    with EarlySignals():
        from offhook_mockserver.commands.serving import serve_and_report

        try:
            options = _options(given)
        except (OffhookError, ValueError):  # a path, a port or a file of scripts that cannot be used
            return None
    serve_and_report(options)
    return 0


def _given(arguments: list[str]) -> dict[str, list[str]] | None:
    """The values of each option that was typed; None if one is unknown, lacks a value or is repeated."""
    given: dict[str, list[str]] = {}
    words = iter(arguments)
    for word in words:
        name, equals, value = word.partition("=")
        if name in FLAGS and not equals:
            given[name] = []
            continue
        if not equals:
            value = next(words, "")
        if name not in WITH_VALUE or not value or value.startswith("-") or (name in given and name != _REPEATED):
            return None
        given.setdefault(name, []).append(value)
    return given


def _options(given: dict[str, list[str]]) -> MockOptions:
    from offhook.paths import expanded
    from offhook_mockserver.commands.serving import MockOptions
    from offhook_mockserver.tenants.own_load import LATE_LIMIT_MS

    paths = {name: expanded(given[name][0]) for name in ("--recordings", "--env-file", "--scripts") if name in given}
    scripts = {}
    if "--scripts" in paths:
        from offhook_mockserver.callees.toml import load_scripts

        scripts = load_scripts(paths["--scripts"])
    return MockOptions(
        port=_port(given["--port"][0]) if "--port" in given else 0,
        recordings=paths.get("--recordings"),
        env_file=paths.get("--env-file"),
        as_json="--json" in given,
        scripts=scripts,
        lenient="--lenient" in given,
        open_to_any_keys="--open" in given,
        webhook_hosts=tuple(given.get("--webhook-host", ())),
        late_limit_ms=_late_limit_ms(given["--late-limit-ms"][0]) if "--late-limit-ms" in given else LATE_LIMIT_MS,
    )


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) <= _MOST_PORT):
        raise ValueError(text)
    return int(text)


def _late_limit_ms(text: str) -> float:
    if not _LEAST_LATE_MS <= (limit_ms := float(text)) <= _MOST_LATE_MS:
        raise ValueError(text)
    return limit_ms
