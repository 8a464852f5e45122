"""The home folder: which one it is, and that it is its owner's alone."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from offhook.errors import StorageError
from offhook.records.home import home, make_private


def test_the_folder_that_is_named_wins(tmp_path: Path, offhook_home: Path) -> None:
    assert home({"OFFHOOK_HOME": str(tmp_path / "mine")}) == tmp_path / "mine"
    assert home({"OFFHOOK_HOME": ""}) == home({}) == offhook_home, "settings in code do not hide the process's home"
    assert not (tmp_path / "mine").exists(), "looking does not make it"


def test_otherwise_it_is_where_the_platform_keeps_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with monkeypatch.context() as patch:
        patch.delenv("OFFHOOK_HOME")
        patch.setenv("XDG_DATA_HOME", str(tmp_path))
        patch.setenv("HOME", str(tmp_path))
        folder = home({})
    assert folder.name == "offhook"
    assert folder.is_relative_to(tmp_path)


def test_it_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "offhook"
    make_private(folder)
    make_private(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_what_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place, says in (
        ("file", "is a file and not a folder"),
        ("file/x", "not a folder"),
        ("file/x/y", "not a folder"),
    ):
        with pytest.raises(StorageError, match=says):
            make_private(tmp_path / place)
    with pytest.raises(StorageError, match="NUL"):
        make_private(Path("a\0b"))
