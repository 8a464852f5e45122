"""Which folders `offhook mock agora-sdk` refuses, before it downloads or compiles anything."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from offhook.cli.root import run
from offhook.errors import ConfigError
from offhook_mockserver.agora_sdk.stage import MARKER, check_replaceable, installed_package, version_of


def test_a_new_or_an_empty_folder_or_one_of_a_mock_may_be_laid_out(tmp_path: Path) -> None:
    check_replaceable(tmp_path / "new" / "below")
    check_replaceable(tmp_path)
    (tmp_path / MARKER).write_text(json.dumps({"format": 1, "kind": "mock"}))
    (tmp_path / "agora").mkdir()
    check_replaceable(tmp_path)


@pytest.mark.parametrize(
    ("marker", "said"),
    [
        (None, "is not empty and was not made by"),
        ("", "is not empty and was not made by"),
        ("[1]", "is not empty and was not made by"),
        ("[" * 100_000, "is not empty and was not made by"),
        ('{"format": 1, "kind": "agora"}', "holds Agora's own library"),
    ],
)
def test_another_is_refused(tmp_path: Path, marker: str | None, said: str) -> None:
    (tmp_path / "precious").touch()
    if marker is not None:
        (tmp_path / MARKER).write_text(marker)
    with pytest.raises(ConfigError, match=said):
        check_replaceable(tmp_path)


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="needs a folder"):
        check_replaceable(tmp_path / "file")
    (tmp_path / "link").symlink_to("nothing")
    check_replaceable(tmp_path / "link")


def test_a_mount_point_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"'/' is a mount point, which cannot be replaced: pass a folder in it"):
        check_replaceable(Path("/"))


def test_an_installed_package_is_found_without_importing_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", ["", str(tmp_path / "other"), str(tmp_path / "site")])
    monkeypatch.chdir(tmp_path)
    for name in ("other/agora/__init__.py", "site/agora/__init__.py"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("raise SystemExit('imported')")
    assert installed_package() is None
    (tmp_path / "site/agora/rtc").mkdir()
    (tmp_path / "site/agora/rtc/agora_service.py").touch()
    package = tmp_path / "site" / "agora"
    assert installed_package() == package
    assert version_of(package) == ""
    (tmp_path / "site" / "agora_python_server_sdk-2.4.9.dist-info").mkdir()
    assert version_of(package) == "2.4.9"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Missing option '--into'"),
        (("--into", "full"), "is not empty and was not made by `offhook mock agora-sdk`"),
        (("--into", "full", "--sdk", "2.4.10"), "is not empty"),
        (("--into", "new", "--sdk", "2.4.10", "--sdist", "x.tar.gz"), "leave one of them out"),
        (("--into", "new", "--sdk", "latest"), "--sdk needs a version such as 2.4.10"),
        (("--into", "new", "--sdist", "x.tar.gz"), "--sdist: 'x.tar.gz' cannot be read"),
        (("--into", "$HOME/sdk", "--sdk", "2.4.10"), "begins with $HOME"),
    ],
)
def test_bad_usage_makes_nothing(
    tmp_path: Path,
    arguments: tuple[str, ...],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/nonexistent")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "precious").touch()
    assert run(["mock", "agora-sdk", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in " ".join(err.replace("│", " ").split())
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["full", "precious"]
