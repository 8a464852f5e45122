"""Reads the installed distributions one by one: one that cannot be read is left out, and named by its folder.

Python itself reads them all at once, so that one folder which an interrupted installation has left would keep every
program from finding any plugin.
"""

from __future__ import annotations

import functools
import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from offhook.wording import describe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from importlib.metadata import Distribution, DistributionFinder, EntryPoint

#: Where a distribution keeps its name and version: since 2013, before that, and in a single file.
_METADATA: Final = ("METADATA", "PKG-INFO", "")
_ENTRY_POINTS: Final = "entry_points.txt"
_FIELD: Final = re.compile(r"^(Name|Version):[ \t]*(.*?)\s*$", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Installed:
    """A distribution that could be read.

    Attributes:
        name, version: as in its metadata; a missing version is empty.
        key: the name as installers compare names.
        folder: the folder that it is installed in.
        points: its entry points.
    """

    name: str
    version: str
    key: str
    folder: Path
    points: tuple[EntryPoint, ...]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A distribution that was left out.

    Attributes:
        where: its folder, or the place in which distributions were looked for.
        reason: why it was left out.
        may_hold_plugins: whether plugins may be missing because of it.
    """

    where: str
    reason: str
    may_hold_plugins: bool

    def __str__(self) -> str:
        return f"the distribution {self.where} cannot be read and was left out: {self.reason}. Remove or reinstall it"


@dataclass(frozen=True, slots=True)
class Distributions:
    """What is installed, in the order of Python's path, and what of it could not be read."""

    readable: list[Installed] = field(default_factory=list[Installed])
    unreadable: list[Unreadable] = field(default_factory=list[Unreadable])

    def firsts(self) -> list[Installed]:
        """The distributions that Python uses: of several with one name, the first."""
        found: dict[str, Installed] = {}
        for distribution in self.readable:
            found.setdefault(distribution.key, distribution)
        return list(found.values())


def read_distributions(group: str) -> Distributions:
    """Read everything that is on Python's path. No code of a distribution runs.

    Args:
        group: the group of entry points that plugins are in.
    """
    found = Distributions()
    for distribution in _discovered(found.unreadable):
        try:
            found.readable.append(_read_again(distribution))
        except Exception as error:
            reason = str(error) if isinstance(error, _UnreadableError) else describe(error)
            item = Unreadable(_where(distribution), reason, _may_hold(distribution, group))
            if item not in found.unreadable:  # the path may list a folder twice
                found.unreadable.append(item)
    return found


class _UnreadableError(Exception):
    """A sentence about what cannot be read."""


def _discovered(unreadable: list[Unreadable]) -> Iterator[Distribution]:
    """All distributions. Each finder is asked about one place after the other, since it may fail in any of them."""
    from importlib.metadata import DistributionFinder  # most of what this file takes to import

    for finder in tuple(sys.meta_path):
        find: Callable[[DistributionFinder.Context], Iterable[Distribution]] | None
        find = getattr(finder, "find_distributions", None)
        if find is None:
            continue
        reasons: set[str] = set()
        for place in dict.fromkeys(sys.path):
            try:
                yield from tuple(find(DistributionFinder.Context(path=[place])))
            except Exception as error:
                reason = f"{getattr(finder, '__name__', type(finder).__name__)} failed: {describe(error)}"
                if reason not in reasons:  # one that fails everywhere is named once
                    unreadable.append(Unreadable(str(place), reason, may_hold_plugins=True))
                reasons.add(reason)


def _read_again(distribution: Distribution) -> Installed:
    """Read a distribution, unless its files are as they were when it was read last."""
    from importlib.metadata import PathDistribution

    path = _path(distribution)
    if path is None or type(distribution) is not PathDistribution:
        return _read(distribution)
    folder = str(path)
    stamps: list[object] = []
    for name in _METADATA:
        stamps.append(_stamp(f"{folder}/{name}"))
        if stamps[-1] is not None:  # the others are not read
            break
    return _unchanged(folder, (*stamps, _stamp(f"{folder}/{_ENTRY_POINTS}")))


@functools.lru_cache(maxsize=2048)
def _unchanged(folder: str, stamps: tuple[object, ...]) -> Installed:
    from importlib.metadata import PathDistribution

    return _read(PathDistribution(Path(folder)))


def _stamp(file: str) -> object:
    """What changes when a file is written, replaced or made unreadable; None for a file that cannot be looked at."""
    try:
        status = os.stat(file)  # noqa: PTH116 - a path would be made for each file of each distribution
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


def _read(distribution: Distribution) -> Installed:
    text = next(filter(None, (_text(distribution, name) for name in _METADATA)), "")
    header = text.replace("\r\n", "\n").partition("\n\n")[0]
    fields: dict[str, str] = {name.lower(): value for name, value in _FIELD.findall(header)}
    if not fields.get("name"):
        raise _UnreadableError("it has no metadata with a name, as after an installation that was interrupted")
    _text(distribution, _ENTRY_POINTS)
    try:
        points = tuple(distribution.entry_points)
    except Exception as error:
        raise _UnreadableError(
            f"its {_ENTRY_POINTS} is not valid, where a line is [GROUP] or NAME = VALUE ({describe(error)})"
        ) from None
    name, folder = fields["name"], Path(str(distribution.locate_file("")))
    return Installed(name, fields.get("version", ""), re.sub(r"[-_.]+", "-", name).lower(), folder, points)


def _text(distribution: Distribution, name: str) -> str:
    """A file of a distribution; empty for one that does not exist.

    Raises:
        _UnreadableError: it is not UTF-8, or cannot be read, which Python takes for missing.
    """
    file = name or "its metadata"
    try:
        text = distribution.read_text(name)
    except UnicodeDecodeError as error:
        raise _UnreadableError(f"{file} is not UTF-8: {error.reason} at byte {error.start}") from None
    except OSError as error:
        raise _UnreadableError(f"{file} cannot be read: {error.strerror}") from None
    path = _path(distribution)
    if text is None and name and path is not None and os.path.lexists(path / name):
        raise _UnreadableError(f"{file} is not a file that may be read")
    return text or ""


def _path(distribution: Distribution) -> Path | None:
    """The folder of a distribution's metadata; None for one in an archive, or of another finder.

    Python has no public name for it, and a distribution without a name has nothing else that a person could look for.
    """
    path = getattr(distribution, "_path", None)
    return path if isinstance(path, Path) else None


def _where(distribution: Distribution) -> str:
    try:
        return str(getattr(distribution, "_path", "") or distribution.locate_file(""))
    except Exception:
        return f"of a {type(distribution).__name__}"


def _may_hold(distribution: Distribution, group: str) -> bool:
    """Whether a distribution that cannot be read may hold plugins: it may, unless its entry points say otherwise."""
    try:
        return f"[{group}]" in _text(distribution, _ENTRY_POINTS)
    except Exception:
        return True
