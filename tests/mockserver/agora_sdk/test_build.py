"""Building the mock's native library: what is scanned, and what is said when it cannot be built."""

from __future__ import annotations

import re
import signal
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from offhook.errors import ConfigError
from offhook_mockserver.agora_sdk.build import NATIVE, AgoraBuildError, bound, build, defined, library_name

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    """A Python layer that binds two functions."""
    folder = tmp_path / "agora"
    (folder / "rtc" / "deep").mkdir(parents=True)
    (folder / "rtc" / "a.py").write_text("one = agora_lib.agora_one\n# two = agora_lib.agora_two\n")
    (folder / "rtc" / "deep" / "b.py").write_text("x = agora_lib.agora_service_create\nnot_agora_lib.agora_three\n")
    return folder


def test_the_bound_functions_are_found_and_comments_are_not(layer: Path) -> None:
    assert bound(layer) == {"agora_one", "agora_service_create"}


def test_the_defined_functions_are_those_that_are_exported() -> None:
    names = defined()
    assert {"agora_service_create", "agora_rtc_conn_connect", "offhook_agora_report"} <= names
    assert all(name.startswith(("agora_", "offhook_agora_")) for name in names)
    exported = sum(
        len(re.findall(r"^AGORA_API ", path.read_text(encoding="utf-8"), re.MULTILINE)) for path in NATIVE.glob("*.c")
    )
    assert len(names) == exported


def test_a_folder_that_is_not_a_python_layer_is_named(tmp_path: Path) -> None:
    with pytest.raises(AgoraBuildError, match="is not Agora's Python layer"):
        build(tmp_path, tmp_path / "into")


def test_a_missing_compiler_is_explained_and_nothing_is_left(layer: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no C compiler 'no-such-cc': install one"):
        build(layer, tmp_path / "into", cc="no-such-cc -O3")
    assert not (tmp_path / "into").exists()


def test_the_variable_cc_names_the_compiler(layer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "another-cc")
    with pytest.raises(AgoraBuildError, match="'another-cc'"):
        build(layer, tmp_path / "into")


def test_a_variable_cc_that_is_not_a_command_is_named(
    layer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "gcc '")
    with pytest.raises(AgoraBuildError, match=r'must be a command as in a shell, got "gcc \'"'):
        build(layer, tmp_path / "into")


@pytest.mark.skipif(not hasattr(signal, "pause"), reason="needs pause()")
def test_a_compiler_is_ended_with_all_its_processes(layer: Path, tmp_path: Path) -> None:
    compiler = tmp_path / "cc.py"
    compiler.write_text("import os, signal\nos.fork()\nsignal.pause()\n")
    stop = threading.Event()
    stop.set()
    with pytest.raises(AgoraBuildError, match="the compilation was stopped"):
        build(layer, tmp_path / "into", cc=f"{sys.executable} {compiler}", stop=stop)
    assert not list((tmp_path / "into").iterdir())


def test_nothing_is_left_but_the_libraries(layer: Path, tmp_path: Path) -> None:
    compiler = tmp_path / "cc.py"
    compiler.write_text("import sys; open(sys.argv[sys.argv.index('-o') + 1], 'w').close()")
    build(layer, tmp_path / "into", cc=f"{sys.executable} {compiler}")
    names = {library_name(name) for name in ("agora_rtc_sdk", "aosl", "agora-fdkaac")}
    assert {path.name for path in (tmp_path / "into").iterdir()} == names


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("import sys; sys.exit('x.c:1: note: so\\nx.c:2: error: bad')", "failed: x.c:2: error: bad"),
        ("import sys; sys.exit(3)", "failed: it printed nothing"),
        ("pass", "cannot be built: "),
    ],
)
def test_a_compiler_that_fails_is_quoted_and_leaves_the_old_library(
    layer: Path, tmp_path: Path, script: str, said: str
) -> None:
    old = tmp_path / library_name("agora_rtc_sdk")
    old.write_text("old")
    compiler = tmp_path / "cc.py"
    compiler.write_text(script)
    with pytest.raises(AgoraBuildError, match=re.escape(said)):
        build(layer, tmp_path, cc=f"{sys.executable} {compiler}")
    assert old.read_text() == "old"
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
