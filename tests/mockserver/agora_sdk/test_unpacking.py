"""Unpacking a source archive: the files of its `agora` folder, and never anything outside the folder that is given."""

from __future__ import annotations

import contextlib
import gzip
import tarfile
from typing import TYPE_CHECKING

import pytest
from tests.mockserver.agora_sdk.archives import ROOT, WHOLE, archive, member

from offhook.errors import ConfigError
from offhook_mockserver.agora_sdk import unpacking
from offhook_mockserver.agora_sdk.unpacking import unpack

if TYPE_CHECKING:
    from pathlib import Path


def everything(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() and not path.is_symlink() else b"?"
        for path in folder.rglob("*")
        if not path.is_dir() or path.is_symlink()
    }


def test_only_the_package_is_unpacked(tmp_path: Path) -> None:
    unpack(archive(), tmp_path)
    assert everything(tmp_path) == {name: text for name, text in WHOLE.items() if name.startswith("agora/")}


@pytest.mark.parametrize(
    "bad",
    [
        member("../agora/evil.py"),
        member(f"{ROOT}/agora/../../evil.py"),
        member(f"{ROOT}/../evil/agora/evil.py"),
        member("/agora/evil.py"),
        member("/tmp/agora/evil.py"),
        member("agora/evil.py"),
        member(f"{ROOT}/agora\\..\\evil.py"),
        member(f"{ROOT}/agora/evil.py", tarfile.SYMTYPE, link="/etc/passwd"),
        member(f"{ROOT}/agora/evil.py", tarfile.LNKTYPE, link="../../evil"),
        member(f"{ROOT}/agora/evil.py", tarfile.CHRTYPE),
        member(f"{ROOT}/agora/evil.py", tarfile.FIFOTYPE),
        member(f"{ROOT}/agora", tarfile.SYMTYPE, link="/tmp"),
        member(f"{ROOT}/agora_other/evil.py"),
    ],
    ids=lambda bad: f"{bad.name}-{bad.type.decode()}",
)
def test_nothing_is_written_outside_and_no_link_or_device(tmp_path: Path, bad: tarfile.TarInfo) -> None:
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    unpack(archive(WHOLE, bad), inside)
    assert everything(tmp_path).keys() == {f"a/b/{name}" for name in WHOLE if name.startswith("agora/")}


@pytest.mark.parametrize(
    "content",
    [b"", b"not an archive", gzip.compress(b"not a tar archive" * 100), archive()[:-200], archive({"setup.py": b""})],
    ids=["empty", "text", "gzip", "cut off", "another project"],
)
def test_what_is_not_an_archive_of_the_sdk_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ConfigError, match="archive"):
        unpack(content, tmp_path)


@pytest.mark.parametrize("at", range(0, len(archive()), 7))
def test_a_damaged_archive_is_refused_or_harmless(tmp_path: Path, at: int) -> None:
    whole = bytearray(archive())
    whole[at] ^= 0xFF
    with contextlib.suppress(ConfigError):
        unpack(bytes(whole), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} <= {"agora"}


def test_an_archive_that_grows_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "_MOST_BYTES", 1000)
    with pytest.raises(ConfigError, match="more than 1000 bytes"):
        unpack(archive(WHOLE, member(f"{ROOT}/agora/large.py", size=1001)), tmp_path)
    monkeypatch.setattr(unpacking, "_MOST_FILES", 3)
    with pytest.raises(ConfigError, match="more than 3 files"):
        unpack(archive(), tmp_path)
