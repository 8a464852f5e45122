"""Files and folders that only their owner can open, whatever the umask is."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from offhook.private_files import make_private_folder, open_private, write_private

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o277, 0o777], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """A umask, from the laxest to one that takes everything away."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("umask")
def test_a_folder_and_the_missing_folders_above_it(tmp_path: Path) -> None:
    existing = tmp_path / "existing"
    existing.mkdir()
    existing.chmod(0o755)
    make_private_folder(existing / "a" / "b")
    assert (mode(existing / "a"), mode(existing / "a" / "b")) == (0o700, 0o700)
    make_private_folder(existing)
    assert mode(existing) == 0o755, "it is somebody's choice"


@pytest.mark.usefixtures("umask")
def test_a_file(tmp_path: Path) -> None:
    os.close(open_private(tmp_path / "new", os.O_WRONLY))
    assert mode(tmp_path / "new") == 0o600
    write_private(tmp_path / "written", b"what they said")
    assert mode(tmp_path / "written") == 0o600
    assert (tmp_path / "written").read_bytes() == b"what they said"


def test_an_existing_file_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "shared"
    path.touch()
    path.chmod(0o644)
    os.close(open_private(path, os.O_WRONLY))
    assert mode(path) == 0o644
    with pytest.raises(FileExistsError):
        open_private(path, os.O_WRONLY | os.O_EXCL)
    with pytest.raises(FileExistsError):
        write_private(path, b"")


def test_what_is_not_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises((FileExistsError, NotADirectoryError)):
            make_private_folder(path)
    with pytest.raises(ValueError, match="null"):
        make_private_folder(tmp_path / "a\0b")


def test_the_root_that_does_not_exist(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    root = type(tmp_path)("/")

    def gone(self: Path, mode: int = 0) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(type(tmp_path), "mkdir", gone)
    with pytest.raises(FileNotFoundError):
        make_private_folder(root)


def test_the_mode_is_right_before_anything_else_can_happen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError("a file system without modes")

    monkeypatch.setattr(os, "fchmod", refused)
    monkeypatch.setattr(type(tmp_path), "chmod", refused)
    before = os.umask(0o277)
    try:
        os.close(open_private(tmp_path / "new", os.O_WRONLY))
        make_private_folder(tmp_path / "folder")
    finally:
        os.umask(before)
    assert mode(tmp_path / "new") == 0o400, "the umask can only take away"
    assert mode(tmp_path / "folder") == 0o500
