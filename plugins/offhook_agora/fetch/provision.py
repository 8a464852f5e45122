"""One fetch, from the order to the finished folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from offhook.errors import ConfigError, StorageError, TransportNotSetUp, TransportUnavailable
from offhook.paths import make_folder
from offhook.records import home, make_private, open_private
from offhook.wording import printable, quoted_path, system_reason
from offhook_agora.fetch.addresses import PINNED_SDK, checked_address, pinned_address, shown
from offhook_agora.fetch.download import Download, waiting
from offhook_agora.fetch.folder_lock import locked
from offhook_agora.fetch.known_hashes import KnownHashes, checked_hash
from offhook_agora.fetch.limits import Limits
from offhook_agora.fetch.target import check_target, check_work_folder, recover, replace, resolved, work_folder
from offhook_agora.fetch.unpacking import unpack
from offhook_agora.layout import LIBRARIES, find_package
from offhook_agora.libraries import machine_problem, problems
from offhook_agora.marker import Marker, unread_reason, write_marker
from offhook_agora.upstream import bound_symbols, native_address, version_of

if TYPE_CHECKING:
    import httpx

    from offhook.interfaces import Environment
    from offhook_agora.fetch.progress import Progress
    from offhook_agora.machine import Machine

_PIECE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Order:
    """What to fetch, and what it is held to.

    Attributes:
        folder: the folder to make.
        url: the address; empty for the pinned one.
        archive: a file instead of an address.
        sha256: the hash that it must have; empty for the one that is written down.
        trust_first: whether an archive whose hash is not known is accepted, and its hash written down.
    """

    folder: Path
    url: str = ""
    archive: Path | None = None
    sha256: str = ""
    trust_first: bool = False


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a fetch has made.

    Attributes:
        folder: the SDK folder.
        sha256: the hash of the archive.
        trusted: whether the hash was not known before.
        checked: how many functions were found that the installed Python layer looks up; 0 without one.
    """

    folder: Path
    sha256: str
    trusted: bool
    checked: int


class _Unusable(TransportUnavailable):
    """What was received is not what was asked for, or cannot be used: it is not kept."""


class Fetch:
    """Carries one order out.

    Args:
        order: what to fetch.
        environment: the settings, and the time.
        machine: the machine that the library is for.
        progress: is notified.
        limits: how much and how long.
    """

    def __init__(
        self,
        order: Order,
        environment: Environment,
        machine: Machine,
        progress: Progress,
        limits: Limits | None = None,
    ) -> None:
        self._order = order
        self._clock = environment.clock
        self._machine = machine
        self._progress = progress
        self._limits = limits or Limits()
        self._hashes = KnownHashes(home(environment))
        self._folder = resolved(order.folder)
        self._work = work_folder(self._folder)

    def run(self) -> Fetched:
        """Fetch, check and unpack the library. Whatever fails, an earlier folder stays as it is.

        Raises:
            ConfigError: the order cannot be carried out: the archive is unknown, or the folder is not accepted.
            TransportNotSetUp: Agora has no library for this machine.
            TransportUnavailable: what was fetched does not fit this machine; the archive cannot be fetched, has another
                hash or is damaged; or another fetch into the folder is running.
            StorageError: the folder or the archive cannot be read or written.
        """
        order = self._order
        if problem := machine_problem(self._machine):
            raise TransportNotSetUp(f"nothing was fetched: {problem}")
        url = None if order.archive else checked_address(order.url or pinned_address(self._machine))
        address = shown(url) if url else ""
        wanted = checked_hash(order.sha256) if order.sha256 else self._hashes.of_address(address) if address else ""
        if address and not wanted and not order.trust_first:
            raise ConfigError(
                f"the hash of {address} is not known: pass the one that you were given with --sha256 HEX, or accept "
                "what is there now with --trust-first, which writes its hash down for the next time"
            )
        check_target(self._folder)
        self._make_folders()
        busy = f"another fetch into {quoted_path(self._folder)} is running: wait until it has ended"
        with locked(self._work / "lock", busy):
            self._tidy()
            try:
                archive, sha256 = self._downloaded(url, wanted) if url else self._copied()
                fetched = self._used(archive, address, sha256, wanted)
            except BaseException as error:
                # What was received stays for the next time, unless it is what was refused.
                if isinstance(error, _Unusable) or not waiting(self._work):
                    shutil.rmtree(self._work, ignore_errors=True)
                raise
            shutil.rmtree(self._work, ignore_errors=True)
        return fetched

    def _make_folders(self) -> None:
        data = self._hashes.folder
        if resolved(data) in self._folder.parents:
            make_private(data)
        else:
            # Others may use a library that one user has fetched, as in an image for containers.
            try:
                self._folder.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                parent = quoted_path(self._folder.parent)
                raise StorageError(f"{parent} cannot be made: {system_reason(error)}") from None
        make_folder(self._work, "To fetch into another folder, use --into.")
        check_work_folder(self._work)

    def _tidy(self) -> None:
        """Undo what a fetch that was killed has left, but for what it had received."""
        try:
            recover(self._folder, self._work / "old", self._work / "new")
        except OSError as error:
            raise StorageError(f"{quoted_path(self._folder)} cannot be put back: {system_reason(error)}") from None
        for name in ("new", "old"):
            shutil.rmtree(self._work / name, ignore_errors=True)

    def _downloaded(self, url: httpx.URL, wanted: str) -> tuple[Path, str]:
        download = Download(url, self._work, self._limits, self._clock, self._progress)
        archive = download.run()
        sha256 = _hash(archive)
        if download.was_resumed and wanted not in ("", sha256):
            # The server may have put another file in the same place without saying so.
            self._progress.note("what was received in parts has the wrong hash: it is fetched anew")
            download.discard()
            archive = download.run()
            sha256 = _hash(archive)
        return archive, sha256

    def _copied(self) -> tuple[Path, str]:
        """Copy the user's file: what is unpacked must be what was hashed."""
        source, copy = self._order.archive or Path(), self._work / "archive.copy"
        problem = ""
        try:
            # Not blocking, since a pipe in its place would keep us waiting for a writer.
            descriptor = os.open(source, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            with os.fdopen(descriptor, "rb") as file:
                found = os.fstat(descriptor)
                if not stat.S_ISREG(found.st_mode) or found.st_size > self._limits.archive_bytes:
                    raise ConfigError(f"{quoted_path(source)} is not a zip file, or is too large")
                with os.fdopen(open_private(copy, os.O_WRONLY | os.O_TRUNC), "wb") as target:
                    shutil.copyfileobj(file, target, _PIECE)
        except (OSError, ValueError) as error:
            problem = unread_reason(error)
        if problem:
            raise StorageError(f"{quoted_path(source)} cannot be copied: {problem}; check the path that --zip names")
        return copy, _hash(copy)

    def _used(self, archive: Path, address: str, sha256: str, wanted: str) -> Fetched:
        """Check an archive, unpack it, check what it holds, and put it in place."""
        order = self._order
        if wanted and sha256 != wanted:
            raise _Unusable(_mismatch(address, sha256, wanted, named=bool(order.sha256)))
        known = bool(wanted) or (not address and self._hashes.is_known(sha256))
        if not known and not order.trust_first:
            raise ConfigError(
                f"the archive has the SHA-256 {sha256}, which is not known: compare it with the one that you were "
                f"given and pass --sha256 {sha256}, or accept it with --trust-first"
            )
        new = self._work / "new"
        new.mkdir()
        try:
            unpack(archive, new / LIBRARIES, self._machine.main_library, self._limits)
        except TransportUnavailable as error:
            raise _Unusable(error.message) from None
        package = find_package(self._folder)
        symbols = bound_symbols(package) if package else frozenset[str]()
        wrong = next(problems(new / LIBRARIES, self._machine, symbols), None)
        if wrong:
            own = native_address(package, self._machine) if package else ""
            wish = f"the installed Python layer wants --url {printable(own)}" if own not in ("", address) else ""
            cure = wrong.cure or wish
            text = wrong.text.replace(f"{new}/", "")
            raise _Unusable(f"the archive cannot be used, so nothing was changed: {text}{cure and f'; {cure}'}")
        try:
            write_marker(new, Marker("agora", _version(address, package, self._machine), address, sha256))
        except OSError as error:
            raise StorageError(f"{quoted_path(new)} cannot be written: {system_reason(error)}") from None
        if address or not known:
            self._hashes.remember(address or f"file:{sha256}", sha256)
        replace(self._folder, new, self._work / "old")
        return Fetched(self._folder, sha256, not known, len(symbols))


def _version(address: str, package: Path | None, machine: Machine) -> str:
    """The version of the Python layer that the library at an address belongs to; empty if it is not known."""
    if address == pinned_address(machine):
        return PINNED_SDK
    return version_of(package) if package and address and native_address(package, machine) == address else ""


def _mismatch(address: str, sha256: str, wanted: str, *, named: bool) -> str:
    if named or not address:
        return f"the archive has the SHA-256 {sha256} and not {wanted}, which --sha256 names: nothing was unpacked"
    return (
        f"{address} sent a file with the SHA-256 {sha256}, and an earlier one had {wanted}, so nothing was unpacked: "
        f"if you know from elsewhere that the new one is right, pass --sha256 {sha256}"
    )


def _hash(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise StorageError(f"{quoted_path(path)} cannot be read: {unread_reason(error)}") from None
