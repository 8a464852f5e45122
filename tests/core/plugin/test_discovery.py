"""Entry points: ours first, those that are switched off, and distributions that are there twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook.plugin.discovery import installed, shadowed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest


def test_ours_come_first(install: Callable[..., str]) -> None:
    install("aaa")
    names = [point.name for point, _ in installed({})[0]]
    assert names == [*sorted(names[:-1]), "aaa"]


def test_a_distribution_that_is_there_twice_is_found(
    install: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("acme", version="2.0")
    install("acme", version="1.0")  # left behind by an upgrade that broke
    other = tmp_path / "other"
    (other / "acme_offhook-0.5.dist-info").mkdir(parents=True)
    for name in ("METADATA", "entry_points.txt"):
        text = (tmp_path / "acme_offhook-1.0.dist-info" / name).read_text()
        (other / "acme_offhook-0.5.dist-info" / name).write_text(text.replace("Version: 1.0", "Version: 0.5"))
    (other / "unrelated-1.0.dist-info").mkdir()
    (other / "unrelated-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: unrelated\nVersion: 1.0\n"
    )
    assert [copy for copy in shadowed() if copy.distribution == "acme-offhook" and "0.5" in copy.unused] == []
    monkeypatch.syspath_prepend(other)
    monkeypatch.syspath_prepend(f"{other}/../other")  # one folder, twice on the path
    found = [copy for copy in shadowed() if copy.distribution == "acme-offhook"]
    assert {copy.used for copy in found} == {f"0.5 in {other}"}
    assert sorted(copy.unused for copy in found) == [f"1.0 in {tmp_path}", f"2.0 in {tmp_path}"]
    plugin = next(report for _, report in installed({})[0] if report.name == "acme")
    assert plugin.version == "0.5", "and that is the one that is loaded"
