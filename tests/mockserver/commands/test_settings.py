"""The settings of a running mock in a file: what a shell, Docker and python-dotenv make of it, and who may read it."""

from __future__ import annotations

import os
import stat
import subprocess
from typing import TYPE_CHECKING

import pytest

from offhook.errors import ConfigError, StorageError
from offhook_mockserver.commands.settings import env_file, env_file_text

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = {
    "SENDBLUE_API_BASE_URL": "http://127.0.0.1:40123",
    "SENDBLUE_API_API_KEY": "mock_key_0123",
    "OFFHOOK_FROM_NUMBER": "+18885550199",
    "OFFHOOK_STORE": "sqlite:/home/zoë/.local/share/offhook-2/mock.db",
}


def by_docker(text: str) -> dict[str, str]:
    """As ``docker run --env-file`` reads: everything after the first equals sign, as it stands; no quotes."""
    lines = [line.lstrip() for line in text.splitlines()]
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def by_a_shell(path: Path) -> dict[str, str]:
    done = subprocess.run(
        ["sh", "-c", f"set -eu; set -a; . {path}; env -0"], env={}, stdout=subprocess.PIPE, check=True, text=True
    )
    pairs = (item.split("=", 1) for item in done.stdout.split("\0") if item)
    return {name: value for name, value in pairs if name.startswith(("SENDBLUE_", "OFFHOOK_"))}


def test_a_shell_and_docker_read_the_same(tmp_path: Path) -> None:
    path = tmp_path / "settings.env"
    with env_file(path, SETTINGS):
        assert by_docker(path.read_text()) == SETTINGS
        assert by_a_shell(path) == SETTINGS
        assert not set(path.read_text()) & set("'\"\\$`"), "so python-dotenv has nothing to unquote or to expand"


@pytest.mark.parametrize(
    "odd", ["Application Support", "o'brien", 'a"b', "$HOME", "a`b`", "a\\b", "a#b", "a\nB=c", "~", "a;b", ""]
)
def test_a_database_whose_path_they_would_read_differently_is_left_out(odd: str, tmp_path: Path) -> None:
    path = tmp_path / "settings.env"
    settings = {**SETTINGS, "OFFHOOK_STORE": f"sqlite:/{odd} /mock.db"}
    with env_file(path, settings):
        assert by_a_shell(path) == by_docker(path.read_text()) == {**SETTINGS, "OFFHOOK_STORE": "none"}


def test_no_other_value_is_left_out() -> None:
    with pytest.raises(ConfigError, match="OFFHOOK_FROM_NUMBER cannot be written"):
        env_file_text({"OFFHOOK_FROM_NUMBER": "+1 888"})


@pytest.mark.safety("S21")
@pytest.mark.parametrize("umask", [0o000, 0o777])
def test_only_its_owner_can_read_it_and_it_is_removed(umask: int, tmp_path: Path) -> None:
    path = tmp_path / "settings.env"
    before = os.umask(umask)
    try:
        with env_file(path, SETTINGS):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert list(tmp_path.iterdir()) == [path]
    finally:
        os.umask(before)
    assert list(tmp_path.iterdir()) == []


def test_what_a_mock_has_left_is_replaced_and_only_the_newest_mock_removes_it(tmp_path: Path) -> None:
    path = tmp_path / "settings.env"
    with env_file(path, SETTINGS):
        with env_file(path, {**SETTINGS, "OFFHOOK_FROM_NUMBER": "+1"}) as newer:
            pass
        assert not path.exists()
        newer.remove()
    with env_file(path, SETTINGS) as older, env_file(path, SETTINGS):
        older.remove()
        assert path.exists(), "it is the other mock's"


@pytest.mark.parametrize("content", [b"MINE=1\n", b"", b"\xff\xfe"])
def test_a_file_that_is_not_from_a_mock_is_never_replaced(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="is not from a mock"), env_file(path, SETTINGS):
        pass
    assert path.read_bytes() == content


@pytest.mark.parametrize("odd", ["folder", "device", "dangling"])
def test_what_is_not_a_file(odd: str, tmp_path: Path) -> None:
    path = tmp_path / odd
    if odd == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/null" if odd == "device" else tmp_path / "gone")
    with pytest.raises(ConfigError, match="is not from a mock"), env_file(path, SETTINGS):
        pass


@pytest.mark.parametrize("path", ["missing/settings.env", "file/settings.env", "a\0b"])
def test_a_file_that_cannot_be_written(path: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="the settings cannot be written to"), env_file(tmp_path / path, SETTINGS):
        pass
