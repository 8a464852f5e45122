"""Obtains the source archive of Agora's Python layer, through whatever the environment has for downloading packages.

The archive comes from the package index that pip is set up for. Its hash is checked before anything of it is run or
unpacked: by pip, which runs the archive's setup.py for the metadata (the part that downloads is in its installer, which
is not run), and here again. A copy is kept, so that it is downloaded once.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import importlib.util
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from offhook.errors import ConfigError, StorageError, TransportUnavailable
from offhook.paths import make_folder
from offhook.records import home
from offhook.wording import printable, quoted_path, system_reason
from offhook_mockserver.agora_sdk.releases import PROJECT, Release, release_of_archive

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator, Sequence

#: How long everything may take: to make an environment with pip if necessary, and to download 100 kB.
TIMEOUT_S: Final = 180.0
#: Upstream's archives have less than 100 kB.
_LARGEST: Final = 16 * 1024 * 1024
#: How much of what pip printed is kept, and how much of its last words is shown.
_KEPT_BYTES: Final = 65_536
_SHOWN: Final = 300
_OWN_COPY: Final = "or pass your own copy of the archive with --sdist FILE"
_OPTIONS: Final = ("--no-deps", "--no-binary", PROJECT, "--require-hashes", "--no-input", "--progress-bar", "off")


def read_archive(path: Path, sha256: str = "") -> tuple[Release, bytes]:
    """Return the release of an archive of the user's own, and the archive.

    Args:
        path: the file.
        sha256: the hash that it must have; empty: that of a known release.

    Raises:
        ConfigError: it cannot be read, or has another hash.
    """
    try:
        with path.open("rb") as file:
            archive = file.read(_LARGEST + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else system_reason(error)
        raise ConfigError(f"--sdist: {quoted_path(path)} cannot be read: {reason}") from None
    if len(archive) > _LARGEST:
        raise ConfigError(f"--sdist: {quoted_path(path)} is larger than a source archive of {PROJECT}")
    return release_of_archive(hashlib.sha256(archive).hexdigest(), sha256), archive


async def obtain(
    wanted: Release,
    cache: Path | None = None,
    timeout_s: float = TIMEOUT_S,
    on_download: Callable[[str], object] = lambda doing: None,
) -> bytes:
    """Return the source archive of a release: the copy that is kept, else a download.

    Args:
        wanted: the release.
        cache: the folder of copies; in offhook's data folder by default.
        timeout_s: how long the download may take.
        on_download: called with a line for people before a download begins.

    Raises:
        TransportUnavailable: it cannot be downloaded; what pip said is in the message.
        StorageError: the folder for the download cannot be written.
    """
    folder = (home({}) / "cache" / "agora") if cache is None else cache
    kept = folder / f"{PROJECT}-{wanted.version}.tar.gz"
    archive = _kept(kept)
    if not _has_hash(archive, wanted):
        on_download(f"downloading the source archive of {PROJECT} {wanted.version}, for at most {timeout_s:g} s")
        archive = await _download(wanted, timeout_s)
        _keep(archive, kept)
    return archive


def _kept(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, ValueError):
        return b""


def _keep(archive: bytes, path: Path) -> None:
    """Keep a copy; without one, the archive is downloaded again next time."""
    with contextlib.suppress(OSError, ValueError, StorageError):
        make_folder(path.parent)
        descriptor, new = tempfile.mkstemp(dir=path.parent)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
            file.write(archive)
        Path(new).replace(path)


def _has_hash(archive: bytes, wanted: Release) -> bool:
    return hashlib.sha256(archive).hexdigest() == wanted.sha256


async def _download(wanted: Release, timeout_s: float) -> bytes:
    what = f"{PROJECT} {wanted.version} cannot be downloaded"
    try:
        with tempfile.TemporaryDirectory(prefix="offhook-sdist-") as name:
            folder = Path(name)
            async with asyncio.timeout(timeout_s):
                pip = await _pip(folder)
                requirements = folder / "requirements.txt"
                requirements.write_text(f"{PROJECT}=={wanted.version} --hash=sha256:{wanted.sha256}\n")
                into = folder / "into"
                command = [*pip, "download", *_OPTIONS, "--dest", str(into), "--requirement", str(requirements)]
                code, said = await _run(command, folder)
            files = list(into.glob("*")) if into.is_dir() else []
            if code or len(files) != 1:
                raise TransportUnavailable(f"{what}: {_last_words(said)}. Check how pip reaches an index, {_OWN_COPY}")
            archive = files[0].read_bytes()
    except TimeoutError:
        raise TransportUnavailable(
            f"{what}: it took more than {timeout_s:g} s. Check how pip reaches an index, {_OWN_COPY}"
        ) from None
    except (OSError, ValueError) as error:
        raise StorageError(f"{what}, because a temporary file cannot be written: {system_reason(error)}.") from None
    if not _has_hash(archive, wanted):
        raise TransportUnavailable(
            f"{what}: the archive that came has another hash than this release. Ask who runs your index, {_OWN_COPY}"
        )
    return archive


async def _pip(folder: Path) -> Sequence[str]:
    """How to run pip: this interpreter's, else one that uv provides, else one in an environment made in `folder`."""
    if importlib.util.find_spec("pip") is not None:
        return (sys.executable, "-m", "pip")
    uv = shutil.which("uv")
    if uv:
        of_uv = (uv, "run", "--quiet", "--no-project", "--python", sys.executable, "--with", "pip")
        command = (*of_uv, "python", "-m", "pip")
        code, _ = await _run((*command, "--version"), folder)
        if code == 0:
            return command
    environment = folder / "venv"
    code, said = await _run((sys.executable, "-m", "venv", str(environment)), folder)
    if code:
        raise TransportUnavailable(
            f"{PROJECT} cannot be downloaded without pip or uv, and no environment with pip can be made: "
            f"{_last_words(said)}. Install pip, {_OWN_COPY}"
        )
    return (str(environment / "bin" / "python"), "-m", "pip")


async def _run(command: Sequence[str], folder: Path) -> tuple[int, bytes]:
    """Run a command in `folder`; returns its exit code and the end of what it printed. No process of it is left."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,  # so that all its processes can be ended
    )
    assert process.stdout is not None
    said = b""
    try:
        async for piece in _pieces(process.stdout):
            said = (said + piece)[-_KEPT_BYTES:]
        return await process.wait(), said
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def _pieces(stream: asyncio.StreamReader) -> AsyncGenerator[bytes]:
    while piece := await stream.read(_KEPT_BYTES):
        yield piece


def _last_words(said: bytes) -> str:
    """What pip said last that begins with ERROR, else its last line, for a message."""
    lines = [line.strip() for line in said.decode(errors="replace").splitlines() if line.strip()]
    found = next(_reasons(lines), "it printed nothing")
    return printable(found if len(found) <= _SHOWN else f"{found[:_SHOWN]}...").rstrip(".")


def _reasons(lines: Sequence[str]) -> Iterator[str]:
    yield from (line.partition("ERROR:")[2].strip() for line in reversed(lines) if line.startswith("ERROR:"))
    yield from reversed(lines)
