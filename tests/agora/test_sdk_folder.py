"""An SDK folder: what `offhook mock agora-sdk` makes, what it refuses, and what an import of `agora` does over it."""

from __future__ import annotations

import fcntl
import io
import json
import os
import subprocess
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from tests.agora.sdk_programs import run

from offhook.errors import ConfigError
from offhook_mockserver.agora_sdk.stage import stage

if TYPE_CHECKING:
    from pathlib import Path

    from tests.agora.conftest import SdkFolders

#: Imports everything below agora.rtc and prints what could not be imported, and where `agora` is.
IMPORTS = """
import importlib, json, pathlib, ssl
import agora
from agora.rtc.agora_service import AgoraService
from agora.rtc.rtc_connection import RTCConnection
root = pathlib.Path(agora.sdk_root_dir)
failed = []
for path in sorted((root / "rtc").rglob("*.py")):
    name = ".".join(("agora", *path.relative_to(root).with_suffix("").parts)).removesuffix(".__init__")
    try:
        importlib.import_module(name)
    except BaseException as error:
        failed.append(name)
print(json.dumps([agora.__file__, str(root), agora.sdk_library_dir, failed]))
"""
#: It imports a name that upstream's own package does not have: it cannot be imported over Agora's library either.
BROKEN_UPSTREAM = ["agora.rtc.audio_sessionctrl"]


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.mark.trap("2.1b", "2.1d")
@pytest.mark.parametrize("version", ["2.4.10", "2.4.9", "2.3.4"])
def test_the_package_is_imported_from_upstreams_files_and_nothing_is_downloaded_or_deleted(
    sdk_folders: SdkFolders, version: str
) -> None:
    folder = sdk_folders(version)
    before = files(folder)
    ended = run(None, folder, IMPORTS)
    ended.assert_well()
    file, root, libraries, failed = json.loads(ended.out)
    assert file == str(folder / "agora/__init__.py")
    assert root == str(folder / "upstream/agora")
    assert libraries == str(folder / "agora_sdk")
    assert failed == BROKEN_UPSTREAM
    assert ended.err == ""  # upstream's own parent module logs two errors and draws a bar
    assert files(folder) == before
    marker = json.loads((folder / "offhook-agora-sdk.json").read_text())
    assert marker == {"format": 1, "kind": "mock", "sdk": version}


def test_upstreams_files_are_as_they_were(sdk_folder: Path, sdk_archive: bytes) -> None:
    with tarfile.open(fileobj=io.BytesIO(sdk_archive)) as tar:
        want = {
            member.name.partition("/")[2]: extracted.read()
            for member in tar
            if "/agora/" in member.name and (extracted := tar.extractfile(member)) is not None
        }
    assert files(sdk_folder / "upstream") == want
    assert "agora/__init__.py" in want


@pytest.fixture
def installed(tmp_path: Path, sdk_folder: Path) -> Path:
    """An environment's folder with upstream's package in it."""
    site = tmp_path / "site"
    for name, content in files(sdk_folder / "upstream").items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_bytes(content)
    return site


def test_an_installed_package_is_used_and_left_as_it_is(tmp_path: Path, installed: Path) -> None:
    before = files(installed)
    staged = stage(tmp_path / "sdk", installed / "agora")
    assert not (staged.folder / "upstream").exists()
    ended = run(None, staged.folder, IMPORTS, PYTHONPATH=os.pathsep.join(map(str, (staged.folder, installed))))
    ended.assert_well()
    assert json.loads(ended.out)[1:] == [
        str(installed / "agora"),
        str(staged.folder / "agora_sdk"),
        BROKEN_UPSTREAM,
    ]
    assert files(installed) == before


def test_without_any_package_the_import_says_what_to_type(tmp_path: Path, installed: Path) -> None:
    folder = stage(tmp_path / "sdk", installed / "agora").folder
    ended = run(None, folder, "\nimport agora.rtc")
    assert ended.code == 1
    assert ended.err.splitlines()[-1] == (
        f"ImportError: {folder} has no Python layer of Agora's SDK, and none is installed: type: "
        f"offhook mock agora-sdk --into {folder} --sdk 2.4.10"
    )


def test_another_package_called_agora_is_not_taken(tmp_path: Path, sdk_folder: Path) -> None:
    (tmp_path / "agora").mkdir()
    (tmp_path / "agora" / "__init__.py").write_text("raise SystemExit('another package')")
    path = os.pathsep.join(map(str, (sdk_folder, tmp_path)))
    run(None, sdk_folder, IMPORTS, PYTHONPATH=path).assert_well()


def test_a_folder_is_replaced_whole(tmp_path: Path, sdk_archive: bytes) -> None:
    folder = stage(tmp_path / "a" / "sdk", None, sdk_archive, "2.4.10").folder
    (folder / "left over").touch()
    (folder / "agora/__init__.py").unlink()
    stage(folder, None, sdk_archive, "2.4.10")
    assert not (folder / "left over").exists()
    assert (folder / "agora/__init__.py").exists()
    assert [path.name for path in folder.parent.iterdir()] == ["sdk"]


def test_when_the_library_cannot_be_compiled_the_folder_stays_as_it_was(
    tmp_path: Path, sdk_archive: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = stage(tmp_path / "sdk", None, sdk_archive, "2.4.10").folder
    before = files(folder)
    monkeypatch.setenv("CC", "false")
    with pytest.raises(ConfigError):
        stage(folder, None, sdk_archive, "2.4.10")
    assert files(folder) == before
    with pytest.raises(ConfigError):
        stage(tmp_path / "new", None, sdk_archive, "2.4.10")
    assert [path.name for path in tmp_path.iterdir()] == ["sdk"]


def test_two_at_once_make_one_folder(tmp_path: Path, sdk_archive: bytes) -> None:
    with ThreadPoolExecutor(2) as threads:
        made = [threads.submit(stage, tmp_path / "sdk", None, sdk_archive, "2.4.10") for _ in range(2)]
        assert {work.result().folder for work in made} == {tmp_path / "sdk"}
    run(None, tmp_path / "sdk", IMPORTS).assert_well()
    assert [path.name for path in tmp_path.iterdir()] == ["sdk"]


def test_the_command_prints_what_to_export(tmp_path: Path, sdk_archive: bytes) -> None:
    (tmp_path / "sdk.tar.gz").write_bytes(sdk_archive)
    command = [sys.executable, "-m", "offhook", "mock", "--port", "5123", "agora-sdk", "--sdist", "sdk.tar.gz"]
    done = subprocess.run(
        [*command, "--into", "it's here"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done
    exports = [line.strip() for line in done.stdout.splitlines() if line.startswith("  export ")]
    script = "; ".join([*exports, "printenv PYTHONPATH OFFHOOK_AGORA_SDK OFFHOOK_RELAY_URL"])
    shell = subprocess.run(
        ["sh", "-c", script], env={**os.environ, "PYTHONPATH": "/other"}, capture_output=True, text=True, check=True
    )
    folder = tmp_path / "it's here"
    assert shell.stdout.splitlines() == [f"{folder}:/other", str(folder), "http://127.0.0.1:5123"]
    run(None, folder, IMPORTS).assert_well()


def test_the_command_prints_json(tmp_path: Path, sdk_archive: bytes) -> None:
    (tmp_path / "sdk.tar.gz").write_bytes(sdk_archive)
    command = [sys.executable, "-m", "offhook", "mock", "agora-sdk", "--sdist", "sdk.tar.gz", "--into", "sdk", "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    folder = str(tmp_path / "sdk")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {
        "folder": folder,
        "sdk": "2.4.10",
        "settings": {"PYTHONPATH": folder, "OFFHOOK_AGORA_SDK": folder},
    }


def test_without_a_compiler_the_command_says_what_to_install(tmp_path: Path, sdk_archive: bytes) -> None:
    (tmp_path / "sdk.tar.gz").write_bytes(sdk_archive)
    empty = tmp_path / "bin"
    empty.mkdir()
    command = [sys.executable, "-m", "offhook", "mock", "agora-sdk", "--sdist", "sdk.tar.gz", "--into", "sdk"]
    variables = {name: value for name, value in os.environ.items() if name != "CC"} | {"PATH": str(empty)}
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("offhook: ")
    assert done.stderr.count("\n") == 1
    assert "C compiler" in done.stderr
    assert not (tmp_path / "sdk").exists()


def test_nothing_is_made_in_a_folder_that_another_process_works_in_until_it_is_done(
    tmp_path: Path, sdk_archive: bytes
) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with ThreadPoolExecutor(1) as thread:
            work = thread.submit(stage, tmp_path / "sdk", None, sdk_archive, "2.4.10")
            assert not list(tmp_path.iterdir())
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            work.result()
    finally:
        os.close(descriptor)
