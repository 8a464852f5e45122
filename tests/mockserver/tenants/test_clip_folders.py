"""The folders of uploaded clips: gone with their mock, and with the next one if it was killed."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from offhook_mockserver.tenants.clip_folders import ClipFolders, delete_left_behind

#: Makes a folder with a clip, and is killed.
KILLED = """
import os, signal
from offhook_mockserver.tenants.clip_folders import ClipFolders
folder = ClipFolders().make()
(folder / "a.wav").write_bytes(b"RIFF")
print(folder, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_the_folder_goes_with_the_last_tenant(here: Path) -> None:
    folders = ClipFolders()
    first, second = folders.make(), folders.make()
    assert first.stat().st_mode & 0o777 == 0o700
    folders.delete(first)
    assert (first.exists(), second.exists()) == (False, True)
    folders.delete(second)
    assert list(here.iterdir()) == []
    third = folders.make()
    assert third.is_dir()
    folders.delete(third)


@pytest.mark.slow
def test_what_a_killed_mock_left_is_deleted_and_what_another_uses_is_not(here: Path) -> None:
    other = ClipFolders()
    used = other.make()
    killed = subprocess.run(
        [sys.executable, "-c", KILLED],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TMPDIR": str(here)},
    )
    left = Path(killed.stdout.strip())
    assert (left / "a.wav").exists(), killed.stderr
    assert left.is_relative_to(here)
    mine = ClipFolders()
    folder = mine.make()
    assert not left.parent.exists()
    assert used.is_dir()
    mine.delete(folder)
    other.delete(used)
    assert list(here.iterdir()) == []


def test_nothing_else_is_deleted(here: Path) -> None:
    outside = here / "outside"
    outside.mkdir()
    (here / "offhook-clips-link").symlink_to(outside)
    (here / "offhook-clips-file").write_text("kept")
    os.mkfifo(here / "offhook-clips-fifo")
    before = sorted(here.iterdir())
    delete_left_behind()
    assert sorted(here.iterdir()) == before


def test_a_folder_of_another_user_is_left_alone(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "offhook-clips-theirs").mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: 4_321)
    delete_left_behind()
    assert (here / "offhook-clips-theirs").is_dir()


def test_a_folder_that_is_deleted_before_it_was_locked_is_made_again(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, attempts = fcntl.flock, 0

    def deleted_meanwhile(descriptor: int, flags: int) -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 1:  # another mock has it locked, and deletes it
            raise BlockingIOError
        if attempts == 2:  # another mock has deleted it
            next(path for path in here.iterdir() if os.path.samestat(path.stat(), os.fstat(descriptor))).rmdir()
        lock(descriptor, flags)

    monkeypatch.setattr(fcntl, "flock", deleted_meanwhile)
    folders = ClipFolders()
    folder = folders.make()
    assert folder.is_dir()
    assert attempts == 3
    folders.delete(folder)


def test_a_folder_that_cannot_be_locked_is_not_used(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(descriptor: int, flags: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with pytest.raises(OSError, match="cannot be locked"):
        ClipFolders().make()
    assert list(here.iterdir()) == []


def test_a_folder_that_cannot_be_made_leaves_nothing(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make = tempfile.mkdtemp

    def full(suffix: str | None = None, prefix: str | None = None, dir: object = None) -> str:
        if dir is not None:
            raise OSError(28, "No space left on device")
        return make(suffix, prefix)

    monkeypatch.setattr(tempfile, "mkdtemp", full)
    with pytest.raises(OSError, match="No space"):
        ClipFolders().make()
    assert list(here.iterdir()) == []
