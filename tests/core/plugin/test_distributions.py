"""What somebody else has left on Python's path: it is left out and named, and stops nothing."""

from __future__ import annotations

import os
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from offhook.cli.doctor.checks import shadowed
from offhook.cli.root import run
from offhook.errors import ConfigError, SpecError
from offhook.interfaces.diagnosis import Level
from offhook.plugin.distributions import Installed, read_distributions
from offhook.plugin.manager import Plugins

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from importlib.metadata import DistributionFinder
    from pathlib import Path

GROUP = "offhook"
METADATA = "Metadata-Version: 2.1\nName: acme\nVersion: 1\n"


def empty(folder: Path) -> Path:
    (found := folder / "-ip-20.0.2.dist-info").mkdir()
    return found


def with_files(**files: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (found := folder / "acme-1.dist-info").mkdir()
        for name, content in {"METADATA": METADATA.encode(), **files}.items():
            (found / name.replace("_txt", ".txt")).write_bytes(content)
        return found

    return make


def with_folder(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (found := folder / "acme-1.dist-info").mkdir()
        if name != "METADATA":
            (found / "METADATA").write_text(METADATA)
        (found / name).mkdir()
        return found

    return make


def egg_info_without_a_name(folder: Path) -> Path:
    (found := folder / "acme-1.egg-info").mkdir()
    (found / "PKG-INFO").write_text("Metadata-Version: 1.0\n\nName: only in the description\n")
    return found


def egg_info_file(folder: Path) -> Path:
    (found := folder / "acme-1.egg-info").write_bytes(b"Name: acm\xe9\n")
    return found


def dangling(folder: Path) -> Path:
    (found := folder / "acme-1.dist-info").mkdir()
    (found / "METADATA").symlink_to(folder / "gone")
    return found


def circular(folder: Path) -> Path:
    (found := folder / "acme-1.dist-info").mkdir()
    (found / "METADATA").symlink_to(found / "METADATA")
    return found


def dist_info_that_is_a_file(folder: Path) -> Path:
    (found := folder / "acme-1.dist-info").write_text("\0")
    return found


BROKEN = {
    "an empty folder": (empty, "has no metadata with a name"),
    "a line without a value": (with_files(entry_points_txt=b"[console_scripts]\nacme\n"), "is not valid"),
    "entry points in Latin-1": (with_files(entry_points_txt=b"[x]\ncaf\xe9 = a:b\n"), "entry_points.txt is not UTF-8"),
    "entry points in UTF-16": (with_files(entry_points_txt="[x]\na = b\n".encode("utf-16")), "is not UTF-8"),
    "entry points that are a folder": (with_folder("entry_points.txt"), "entry_points.txt is not a file"),
    "metadata in Latin-1": (with_files(METADATA=b"Name: acme\nAuthor: Ren\xe9\n"), "METADATA is not UTF-8"),
    "metadata without a name": (with_files(METADATA=b"Version: 1\n"), "has no metadata with a name"),
    "metadata that is empty": (with_files(METADATA=b""), "has no metadata with a name"),
    "metadata that is a folder": (with_folder("METADATA"), "METADATA is not a file"),
    "metadata that is a dangling link": (dangling, "METADATA is not a file"),
    "metadata that is a link to itself": (circular, "METADATA cannot be read"),
    "an egg-info without a name": (egg_info_without_a_name, "has no metadata with a name"),
    "an egg-info file in Latin-1": (egg_info_file, "its metadata is not UTF-8"),
    "a dist-info that is a file": (dist_info_that_is_a_file, "has no metadata with a name"),
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder at the beginning of Python's path."""
    (folder := tmp_path / "site").mkdir()
    monkeypatch.syspath_prepend(folder)
    return folder


@pytest.mark.parametrize(("make", "reason"), BROKEN.values(), ids=BROKEN)
def test_it_is_left_out_named_by_its_folder_and_everything_else_works(
    make: Callable[[Path], Path], reason: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = {point.name for item in read_distributions(GROUP).readable for point in item.points}
    path = make(place)
    found = read_distributions(GROUP)
    (item,) = found.unreadable
    assert item.where == str(path)
    assert reason in item.reason
    assert {point.name for item in found.readable for point in item.points} == expected

    plugins = Plugins.load()
    assert {"aiortc", "audio", "jsonl", "mockserver", "sendblue", "sqlite"} <= {
        report.name for report in plugins.reports
    }
    assert not plugins.problems
    assert shadowed() == []
    assert run(["plugins"]) == 0
    assert str(path) in capsys.readouterr().out
    assert run(["doctor"]) == 1
    (line,) = [line for line in capsys.readouterr().out.splitlines() if str(path) in line]
    assert line.startswith(f"{Level.WRONG.value.upper():<6}distribution {path}: it cannot be read and was left out")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"METADATA": b""}, False),
        ({"METADATA": b"", "entry_points_txt": b"[console_scripts]\na = b\n"}, False),
        ({"METADATA": b"", "entry_points_txt": b"[offhook]\nacme = acme_offhook\n"}, True),
        ({"entry_points_txt": b"[offhook]\nacme\n"}, True),
        ({"entry_points_txt": b"[console_scripts]\n\xe9 = b\n"}, True),
    ],
)
def test_commands_say_so_where_a_plugin_may_be_missing(
    files: dict[str, bytes], said: bool, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = with_files(**files)(place)
    assert run(["--version"]) == 0
    err = capsys.readouterr().err
    assert (f"offhook: the distribution {path} cannot be read and was left out" in err) == said
    with pytest.raises(SpecError) as raised:
        Plugins.load().source("acme:x")
    assert (str(path) in raised.value.message) == said


def test_a_required_plugin_may_be_in_what_cannot_be_read(place: Path) -> None:
    path = with_files(entry_points_txt=b"[offhook]\nacme\n")(place)
    plugins = Plugins.load()
    with pytest.raises(Exception, match="no plugin has that name") as raised:
        plugins.check_required({"OFFHOOK_REQUIRE_PLUGINS": "acme"})
    assert str(path) in str(raised.value)


def test_what_cannot_be_read_does_not_hide_a_good_copy(place: Path, install: Callable[..., str]) -> None:
    (place / "good_offhook-0.9.dist-info").mkdir()  # an upgrade that was interrupted
    install("good")
    assert [report.version for report in Plugins.load().reports if report.name == "good"] == ["1.0"]


def test_of_two_copies_python_uses_the_first(place: Path, install: Callable[..., str]) -> None:
    install("twice")
    other = place / "Twice_Offhook-2.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Name: Twice.Offhook\nVersion: 2\n")  # installers regard the names as equal
    (other / "entry_points.txt").write_text("[offhook]\nother = other\n")
    names = {report.name for report in Plugins.load().reports}
    assert len(names & {"twice", "other"}) == 1
    (copy,) = shadowed()
    assert {copy.used.split()[0], copy.unused.split()[0]} == {"1.0", "2"}


def test_an_archive_that_is_broken_and_one_that_is_not(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "broken.zip").write_bytes(b"PK\3\4")
    with zipfile.ZipFile(place / "good.zip", "w") as archive:
        archive.writestr("zipped-1.dist-info/METADATA", "Name: zipped\nVersion: 1\n")
        archive.writestr("nameless-1.dist-info/METADATA", "")
    for name in ("broken.zip", "good.zip", "no-such-folder", "nul\0"):
        monkeypatch.syspath_prepend(str(place / name))
    found = read_distributions(GROUP)
    assert "zipped" in {item.name for item in found.readable}
    assert "offhook" in {item.name for item in found.readable}
    assert any("nameless-1.dist-info" in item.where for item in found.unreadable)


def test_a_finder_that_fails_is_named_once(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Finder:
        def find_distributions(self, context: DistributionFinder.Context) -> Iterator[object]:
            raise OSError("a share on the network is gone")

    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    found = read_distributions(GROUP)
    assert [item.reason for item in found.unreadable] == ["Finder failed: OSError: a share on the network is gone"]
    assert "offhook" in {item.name for item in found.readable}


def test_a_distribution_that_cannot_say_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    class Strange:
        def read_text(self, name: str) -> str:
            raise OSError(5, "Input/output error")

        def locate_file(self, path: str) -> str:
            raise NotImplementedError

    class Finder:
        def find_distributions(self, context: DistributionFinder.Context) -> list[Strange]:
            return [Strange()]

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder()])
    (item,) = read_distributions(GROUP).unreadable
    assert (item.where, item.may_hold_plugins) == ("of a Strange", True)
    assert item.reason == "METADATA cannot be read: Input/output error"


def test_a_dangling_pth_and_a_folder_that_the_path_lists_twice(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "gone.pth").write_text("/no/such/folder\n")
    empty(place)
    monkeypatch.setattr(sys, "path", [*sys.path, str(place), f"{place}{os.sep}"])
    wheres = [item.where for item in read_distributions(GROUP).unreadable]
    assert len(wheres) == len(set(wheres))


def test_a_distribution_is_read_again_when_its_files_change(place: Path) -> None:
    def acme() -> Installed:
        (found,) = [item for item in read_distributions(GROUP).readable if item.name == "acme"]
        return found

    folder = with_files()(place)
    first = acme()
    assert acme() is first
    (folder / "METADATA").write_text(METADATA.replace("1\n", "2\n"))
    assert (acme().version, acme().points) == ("2", ())
    (folder / "entry_points.txt").write_text("[x]\na = b\n")
    assert [point.name for point in acme().points] == ["a"]
    (folder / "METADATA").unlink()
    (folder / "PKG-INFO").write_text(METADATA)
    assert acme().version == "1"


def test_plugins_beside_others_read_nothing_again(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Plugins.load()
    empty(place)
    monkeypatch.setattr("offhook.plugin.discovery.read_distributions", lambda group: pytest.fail("read again"))
    second = Plugins.load(beside=first)
    assert [report.label for report in second.reports] == [report.label for report in first.reports]
    assert second.unreadable == first.unreadable == []
    with pytest.raises(ConfigError, match=r"beside must be what Plugins.load\(\) returned, got 3"):
        Plugins.load(beside=3)  # type: ignore[arg-type]
