"""The SDK folders that all tests here share: upstream's Python layer over the mock's native library, each made once.

They are kept in pytest's cache folder, under a name that depends on the sources of the library, so that the workers of
a run, and the next run, find them there. Without pip, a network or a compiler, the tests are skipped; where `CI` is
set, they fail. `OFFHOOK_TEST_AGORA_SDIST` names a source archive of another version to run them on.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import pytest
from tests.agora.native_program import Sdk
from tests.integration.conftest import Mock

import offhook_mockserver.agora_sdk
from offhook.errors import OffhookError
from offhook_mockserver.agora_sdk.releases import DEFAULT, release
from offhook_mockserver.agora_sdk.sdist import obtain, read_archive
from offhook_mockserver.agora_sdk.stage import MARKER, stage

if TYPE_CHECKING:
    from offhook_mockserver.agora_sdk.releases import Release

#: Returns the SDK folder of a version; makes it if necessary.
SdkFolders: TypeAlias = Callable[[str], Path]

HERE = Path(__file__).parent
SOURCES = Path(offhook_mockserver.agora_sdk.__file__).parent
#: The first test of a run waits for the archives and the compiler.
TIMEOUT_S = 180
ANOTHER = "OFFHOOK_TEST_AGORA_SDIST"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.agora)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(TIMEOUT_S))


@pytest.fixture(scope="session")
def sdk_cache(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where archives and SDK folders are kept for the next run; with ``-p no:cacheprovider``, for this run."""
    if pytestconfig.pluginmanager.has_plugin("cacheprovider"):
        return Path(pytestconfig.cache.mkdir("agora"))
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "agora"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def sdk_folders(sdk_cache: Path) -> SdkFolders:
    """Returns the SDK folder of a version, such as ``sdk_folders("2.3.4")``."""

    def folder_of(version: str) -> Path:
        return _folder(sdk_cache, version)

    return folder_of


@pytest.fixture(scope="session")
def sdk_archive(sdk_cache: Path) -> bytes:
    """Upstream's source archive of the default version."""
    with _skipping():
        return _archive(sdk_cache, DEFAULT)[1]


@pytest.fixture(scope="session")
def sdk_folder(sdk_folders: SdkFolders) -> Path:
    """The SDK folder of the default version, or of the archive that `OFFHOOK_TEST_AGORA_SDIST` names."""
    return sdk_folders(DEFAULT)


def _folder(cache: Path, version: str) -> Path:
    with _skipping():
        found, archive = _archive(cache, version)
        folder = cache / f"sdk-{found.version or 'other'}-{_fingerprint(archive)}"
        with (cache / f"{folder.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (folder / MARKER).exists():
                stage(folder, None, archive, found.version)
        return folder


@contextlib.contextmanager
def _skipping() -> Iterator[None]:
    try:
        yield
    except OffhookError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(error.message)


def _archive(cache: Path, version: str) -> tuple[Release, bytes]:
    another = os.environ.get(ANOTHER)
    if another and version == DEFAULT:
        path = Path(another)
        return read_archive(path, hashlib.sha256(path.read_bytes()).hexdigest())
    wanted = release(version)
    with (cache / f"{wanted.version}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return wanted, asyncio.run(obtain(wanted, cache))


def _fingerprint(archive: bytes) -> str:
    """What the content of a folder depends on: the archive, and our sources."""
    digest = hashlib.sha256(archive)
    for path in sorted(path for path in SOURCES.rglob("*") if path.suffix in {".py", ".c", ".h"}):
        digest.update(f"{path.relative_to(SOURCES)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


@pytest.fixture
def mock(tmp_path: Path) -> Iterator[Mock]:
    """A mock server of the test's own, in another process."""
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    server = Mock(recordings)
    yield server
    server.finish()


@pytest.fixture
def sdk(sdk_folder: Path) -> Sdk:
    """Agora's SDK in this process, over the mock's native library."""
    return Sdk(sdk_folder)
