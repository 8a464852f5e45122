"""Obtaining the source archive, with a `pip` of the test's own in the place of the real one."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.mockserver.agora_sdk.archives import archive
from tests.patience import PATIENCE_S

from offhook.errors import ConfigError, TransportUnavailable
from offhook_mockserver.agora_sdk.releases import Release
from offhook_mockserver.agora_sdk.sdist import obtain, read_archive

if TYPE_CHECKING:
    from collections.abc import Callable

ARCHIVE = archive()
WANTED = Release("2.4.10", hashlib.sha256(ARCHIVE).hexdigest())
#: Runs what the test has written beside it, and keeps its arguments.
FAKE_PIP = """
import json, pathlib, sys
here = pathlib.Path(__file__).parent
(here / "arguments").write_text(json.dumps(sys.argv[1:]))
into = pathlib.Path(sys.argv[sys.argv.index("--dest") + 1])
requirements = pathlib.Path(sys.argv[sys.argv.index("--requirement") + 1])
(here / "requirements").write_text(requirements.read_text())
exec((here / "body.py").read_text())
"""
DOWNLOADS = "into.mkdir(); (into / 'sdk.tar.gz').write_bytes((here / 'archive').read_bytes())"


@pytest.fixture
def pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    folder = tmp_path / "path" / "pip"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "__main__.py").write_text(FAKE_PIP)
    monkeypatch.syspath_prepend(str(folder.parent))
    monkeypatch.setenv("PYTHONPATH", str(folder.parent))
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)

    def behave(body: str, content: bytes = ARCHIVE) -> Path:
        (folder / "archive").write_bytes(content)
        (folder / "body.py").write_text(body)
        return folder

    return behave


def fetch(cache: Path, timeout_s: float = PATIENCE_S, on_download: Callable[[str], object] = print) -> bytes:
    return asyncio.run(obtain(WANTED, cache, timeout_s, on_download))


def test_it_is_downloaded_once_and_pip_checks_the_hash(pip: Callable[..., Path], tmp_path: Path) -> None:
    folder = pip(DOWNLOADS)
    said: list[str] = []
    assert fetch(tmp_path / "cache", 30, said.append) == ARCHIVE
    arguments = json.loads((folder / "arguments").read_text())
    assert arguments[0] == "download"
    assert {"--no-deps", "--require-hashes", "--no-input"} <= set(arguments)
    requirement = f"agora-python-server-sdk==2.4.10 --hash=sha256:{WANTED.sha256}\n"
    assert (folder / "requirements").read_text() == requirement
    pip("raise SystemExit(1)")
    assert fetch(tmp_path / "cache", 30, said.append) == ARCHIVE
    assert said == ["downloading the source archive of agora-python-server-sdk 2.4.10, for at most 30 s"]


def test_a_copy_that_was_changed_is_not_used(pip: Callable[..., Path], tmp_path: Path) -> None:
    pip(DOWNLOADS)
    fetch(tmp_path / "cache")
    (copy,) = (tmp_path / "cache").iterdir()
    copy.write_bytes(b"changed")
    assert fetch(tmp_path / "cache") == ARCHIVE
    assert copy.read_bytes() == ARCHIVE


def test_a_cache_that_cannot_be_written_is_left_out(pip: Callable[..., Path], tmp_path: Path) -> None:
    pip(DOWNLOADS)
    (tmp_path / "file").touch()
    assert fetch(tmp_path / "file" / "cache") == ARCHIVE


def test_the_default_cache_is_in_the_data_folder(pip: Callable[..., Path], offhook_home: Path) -> None:
    pip(DOWNLOADS)
    asyncio.run(obtain(WANTED))
    (copy,) = (offhook_home / "cache" / "agora").iterdir()
    assert copy.read_bytes() == ARCHIVE


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("print('Looking'); print('ERROR: no \\x1b[1mindex.'); print('WARNING: old pip'); raise SystemExit(1)", "no "),
        ("raise SystemExit('cannot start')", "cannot start"),
        ("raise SystemExit(1)", "it printed nothing"),
        ("", "it printed nothing"),
        ("print('ERROR: ' + 'long ' * 1000); raise SystemExit(1)", "long long"),
    ],
)
def test_what_pip_says_is_in_the_message(pip: Callable[..., Path], tmp_path: Path, body: str, said: str) -> None:
    pip(body)
    with pytest.raises(TransportUnavailable, match=r"2\.4\.10 cannot be downloaded") as raised:
        fetch(tmp_path / "cache")
    message = raised.value.message
    assert said in message
    assert message.isprintable()
    assert len(message) < 600
    assert "--sdist FILE" in message
    assert not (tmp_path / "cache").exists()


def test_an_archive_with_another_hash_is_not_used(pip: Callable[..., Path], tmp_path: Path) -> None:
    pip(DOWNLOADS, b"something else")
    with pytest.raises(TransportUnavailable, match="another hash"):
        fetch(tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def gone(pid: int) -> bool:
    """Whether a process has ended; one that its parent has not collected has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


HANGS = """
import os, subprocess, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
(here / "new").write_text(f"{os.getpid()} {child.pid}")
(here / "new").rename(here / "pids")
time.sleep(1000)
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes in /proc")
@pytest.mark.parametrize("ends", ["time", "cancelled"])
def test_a_pip_that_hangs_is_ended_with_all_its_processes(pip: Callable[..., Path], tmp_path: Path, ends: str) -> None:
    folder = pip(HANGS)

    async def main() -> None:
        task = asyncio.create_task(obtain(WANTED, tmp_path / "cache", 2.0 if ends == "time" else PATIENCE_S))
        if ends == "cancelled":
            while not (folder / "pids").exists():
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        else:
            with pytest.raises(TransportUnavailable, match="took more than 2 s"):
                await task
        pids = [int(pid) for pid in (folder / "pids").read_text().split()] if (folder / "pids").exists() else []
        assert pids or ends == "time"
        while not all(map(gone, pids)):
            await asyncio.sleep(0.01)

    asyncio.run(main())


def test_a_copy_of_ones_own_is_read(tmp_path: Path) -> None:
    path = tmp_path / "sdk.tar.gz"
    path.write_bytes(ARCHIVE)
    assert read_archive(path, WANTED.sha256) == (Release("", WANTED.sha256), ARCHIVE)
    with pytest.raises(ConfigError, match="not that of a known release"):
        read_archive(path)


@pytest.mark.parametrize("path", ["missing.tar.gz", "", "\0"])
def test_one_that_cannot_be_read_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(ConfigError, match=r"--sdist: .* cannot be read"):
        read_archive(tmp_path / path)


def test_one_that_is_too_large_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sdk.tar.gz"
    with path.open("wb") as file:
        os.truncate(file.fileno(), 17 * 1024 * 1024)
    with pytest.raises(ConfigError, match="is larger than"):
        read_archive(path)
