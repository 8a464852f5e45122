"""Paths that are given as text: the home folder, odd names, and which folders are made."""

from __future__ import annotations

import errno
import os
import pwd
import re
import stat
import sys
import tempfile
from pathlib import Path

import pytest
from tests.core.media.test_wav_writer import ordinary_user

from offhook.errors import ConfigError, SpecError, StorageError
from offhook.paths import expanded, home_folder, make_folder, nearest_file, obstacle, path_argument, remove_folders


def no_entry(who: object) -> None:
    raise KeyError(f"not found: {who}")


def test_a_tilde_at_the_beginning_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert expanded("~") == expanded("~/") == tmp_path
    assert expanded("~/a/b") == expanded("~//a/b") == expanded(Path("~/a/b")) == tmp_path / "a/b"
    user = pwd.getpwuid(os.getuid())
    assert expanded(f"~{user.pw_name}/a") == Path(user.pw_dir) / "a"
    for path in ("a/~", "./~", "a~", "", "/~/a"):
        assert expanded(path) == Path(path)


@pytest.mark.parametrize("path", ["$HOME", "$HOME/a", "${XDG_DATA_HOME}/a"])
def test_a_variable_that_no_shell_has_replaced_is_refused(path: str) -> None:
    with pytest.raises(ConfigError, match=r"which was not replaced by its value: write the path in full.*write \./\$"):
        expanded(path)


@pytest.mark.parametrize("path", ["a/$HOME", "./$HOME", "$", "$1/a", "$price-list", "${a", "$café"])
def test_a_dollar_sign_elsewhere_is_part_of_a_name(path: str) -> None:
    assert expanded(path) == Path(path)


@pytest.mark.parametrize("home", [None, "", "relative"])
def test_without_a_home_in_the_environment_it_is_that_of_the_user(
    home: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOME", raising=False)
    if home is not None:
        monkeypatch.setenv("HOME", home)
    assert home_folder() == Path(pwd.getpwuid(os.getuid()).pw_dir)
    monkeypatch.setattr(pwd, "getpwuid", no_entry)
    with pytest.raises(ConfigError, match="'~/a' begins with ~, but no home folder is known: set HOME"):
        expanded("~/a")


@pytest.mark.parametrize("user", ["unknown-user-xyz", "a\0b"])
def test_a_user_who_does_not_exist_is_named(user: str) -> None:
    with pytest.raises(ConfigError, match=r"there is no user .*; for a file whose name begins with ~, write \./~"):
        expanded(f"~{user}/a")


@pytest.mark.parametrize(
    ("argument", "says"),
    [
        ("file:///tmp/a", "needs a path and not a URL"),
        ("s3://bucket/a", "needs a path and not a URL"),
        ("//a", "write jsonl:a for one in the current folder"),
        ("'a'", "has quotes or a line break in it"),
        ("a\n", "has quotes or a line break in it"),
    ],
)
def test_an_argument_that_is_not_a_path_is_refused(argument: str, says: str) -> None:
    with pytest.raises(SpecError, match=says):
        path_argument("jsonl", argument)


@pytest.mark.parametrize("argument", ["a", "/a", "//a/b", "///a/b", "'", "it's", "a:b", "-"])
def test_any_other_argument_is_a_path(argument: str) -> None:
    assert path_argument("jsonl", argument) == Path(argument)


def test_the_nearest_file_of_the_same_ending_is_named(tmp_path: Path) -> None:
    for name in ("greeting.wav", "greting.txt", "other.wav"):
        (tmp_path / name).touch()
    assert nearest_file(tmp_path / "greting.wav") == "; did you mean greeting.wav?"
    assert nearest_file(tmp_path / "unlike.wav") == nearest_file(tmp_path / "absent" / "greting.wav") == ""
    assert nearest_file("\0/greting.wav") == ""


def test_folders_are_made_for_their_owner_and_removed_while_they_are_empty(tmp_path: Path) -> None:
    made = make_folder(tmp_path / "a/b/c")
    assert made == (tmp_path / "a/b/c", tmp_path / "a/b", tmp_path / "a")
    assert stat.S_IMODE((tmp_path / "a/b/c").stat().st_mode) == 0o700
    assert make_folder(tmp_path / "a/b/c") == ()
    (tmp_path / "a/file").touch()
    remove_folders(made)
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["file"]


def test_a_place_where_no_folder_can_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "link").symlink_to(tmp_path)
    for place, says in (
        ("file", "is a file and not a folder"),
        ("file/a/b", "is a file and not a folder"),
        ("nowhere", "is a symbolic link to nothing"),
        ("nowhere/a/b", "is a symbolic link to nothing"),
        ("loop/a", "symbolic links" if sys.platform == "linux" else "symbolic link"),
        ("x" * 300, "the name is too long"),
        ("a\0b", "NUL"),
    ):
        with pytest.raises(StorageError, match=rf"{says}.*\. Ask her\.$"):
            make_folder(tmp_path / place, "Ask her.")
        assert re.search(says, obstacle(tmp_path / place)), place
    for place in ("", "a/b/c", "link", "link/a"):
        assert obstacle(tmp_path / place) == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "link", "loop", "nowhere"], (
        "looking makes nothing"
    )


def test_a_folder_that_may_not_be_written_to_is_an_obstacle() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o555)
        with ordinary_user():
            assert obstacle(folder / "a") == f"'{folder}' may not be written to"
            with pytest.raises(StorageError, match=r"may not be written to\. Choose another folder\.$"):
                make_folder(folder / "a")


def test_the_reason_of_the_system_is_shown_where_nothing_else_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, *arguments: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(StorageError, match="cannot be made: the disk is full"):
        make_folder(tmp_path / "a")


def test_a_relative_path_in_a_folder_that_was_removed_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(ConfigError, match="the current folder was removed, so 'a' names nothing: change to another"):
        expanded("a")
    assert expanded("/a") == Path("/a")
    assert obstacle(Path("a")) == "'a' cannot be used: its folder does not exist. Make the folder first"
