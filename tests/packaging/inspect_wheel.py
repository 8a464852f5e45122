"""What the wheel holds: every import package with its `py.typed`, speech, pages, entry points, and nothing else.

Run by `nox -s wheel` on the wheel that was built.
"""

from __future__ import annotations

import sys
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [path for group in (".", "how-to", "reference", "tutorial") for path in (ROOT / "docs" / group).glob("*.md")]


def main(wheel: str) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = {Path(path).name for path in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]}
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == packages, tops
    for package in packages:
        assert f"{package}/py.typed" in names, package
    missing = [
        str(path)
        for folder in ("core", "plugins", "mockserver")
        for path in (ROOT / folder).rglob("*.py")
        if str(path.relative_to(ROOT / folder)) not in names
    ]
    assert not missing, missing
    assert "offhook_mockserver/callees/clips/reply.wav" in names
    pages = {f"offhook/docs/{path.relative_to(ROOT / 'docs')}" for path in PAGES}
    assert {name for name in names if name.startswith("offhook/docs/")} == pages, pages
    points = next(name for name in names if name.endswith("entry_points.txt"))
    text = zipfile.ZipFile(wheel).read(points).decode()
    for name, module in [item for group in project["project"]["entry-points"].values() for item in group.items()]:
        assert f"{name} = {module}" in text, name
    sys.stdout.write(f"{len(names)} files, as they should be\n")


if __name__ == "__main__":
    main(sys.argv[1])
