"""A tenant as a document of JSON: how it is exported, and created again from that."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final, TypeVar, cast

from offhook.arguments import check_number, check_text, check_whole, wrong
from offhook.errors import ConfigError
from offhook_mockserver.tenants.call import EndedCall
from offhook_mockserver.tenants.entry import Entry
from offhook_mockserver.tenants.settings import TenantBounds, TenantSettings, known

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import Self

    from offhook_mockserver.callees.script import Script
    from offhook_mockserver.tenants.entry import Json


_T = TypeVar("_T")

FORMAT: Final = "offhook mock tenant"
VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantSnapshot:
    """What is exported of a tenant. Live calls are not part of it, and neither are audio and faults.

    Attributes:
        seed: the tenant's seed, from which its keys follow; None if it was not asked for.
        lines: the numbers that it may call from.
        settings: how its calls behave.
        bounds: how much it may use.
        scripts: what its callees do, by number.
        calls_started: how many calls it has started.
        ahead_s: by how much a test has moved its clock.
        wall_offset_s: by how much a test has moved its wall clock alone.
        journal: the entries of its journal.
        journal_dropped: how many earlier entries were dropped.
        ended: its ended calls.
        webhooks: its registered webhooks, as the API lists them.
    """

    seed: str | None
    lines: tuple[str, ...]
    settings: TenantSettings
    bounds: TenantBounds
    scripts: Mapping[str, Script]
    calls_started: int
    ahead_s: float
    wall_offset_s: float
    journal: tuple[Entry, ...]
    journal_dropped: int
    ended: tuple[EndedCall, ...]
    webhooks: Mapping[str, Json]

    def to_json(self, folder: Path | None = None) -> dict[str, Json]:
        """The document; audio files in `folder` are named without it."""
        from offhook_mockserver.callees.toml_writer import to_toml  # few tenants are exported

        return {
            "format": FORMAT,
            "version": VERSION,
            "seed": self.seed,
            "lines": self.lines,
            "settings": self.settings.to_json(),
            "bounds": self.bounds.to_json(),
            "scripts": to_toml(self.scripts, folder),
            "calls_started": self.calls_started,
            "ahead_s": self.ahead_s,
            "wall_offset_s": self.wall_offset_s,
            "journal": [entry.to_json() for entry in self.journal],
            "journal_dropped": self.journal_dropped,
            "ended": [call.to_json() for call in self.ended],
            "webhooks": self.webhooks,
        }

    @classmethod
    def from_json(cls, document: object, folder: Path) -> Self:
        """The snapshot that `to_json` returned.

        Args:
            document: the document.
            folder: the folder of the audio files that its scripts name; they may name no others.

        Raises:
            ConfigError: it is not such a document; the message names the part that is wrong.
        """
        from offhook_mockserver.callees.toml import scripts_in

        parts = known(document, {"format", "version", *(item.name for item in fields(cls))}, "the top level")
        if parts.get("format") != FORMAT or parts.get("version") != VERSION:
            raise ConfigError(f"this is not an exported tenant: format must be {FORMAT!r}, and version {VERSION}")
        seed = parts.get("seed")
        return cls(
            seed=None if seed is None else check_text(seed, "seed of the document"),
            lines=tuple(check_text(line, "a line of the document") for line in _list(parts, "lines")),
            settings=TenantSettings.from_json(_object(parts, "settings")),
            bounds=TenantBounds.from_json(_object(parts, "bounds")),
            scripts=scripts_in(check_text(parts.get("scripts"), "scripts of the document"), folder),
            calls_started=check_whole(parts.get("calls_started"), "calls_started of the document", least=0),
            ahead_s=check_number(parts.get("ahead_s"), "ahead_s of the document", least=0, unit="seconds"),
            wall_offset_s=check_number(parts.get("wall_offset_s"), "wall_offset_s of the document", unit="seconds"),
            journal=_each(parts, "journal", Entry.from_json),
            journal_dropped=check_whole(parts.get("journal_dropped"), "journal_dropped of the document", least=0),
            ended=_each(parts, "ended", EndedCall.from_json),
            webhooks={} if parts.get("webhooks") is None else _object(parts, "webhooks"),
        )


def _object(parts: Mapping[str, object], name: str) -> Mapping[str, Json]:
    value = parts.get(name)
    if not isinstance(value, dict):
        raise wrong(f"{name} of the document", "an object", value)
    return cast("Mapping[str, Json]", value)


def _list(parts: Mapping[str, object], name: str) -> list[object]:
    value = parts.get(name)
    if not isinstance(value, list | tuple):
        raise wrong(f"{name} of the document", "a list", value)
    return list(cast("list[object]", value))


def _each(parts: Mapping[str, object], name: str, make: Callable[[Mapping[str, Json]], _T]) -> tuple[_T, ...]:
    return tuple(make(cast("Mapping[str, Json]", item)) for item in _list(parts, name))
