"""What people do with distributions of plugins: each gives a clear result, in `offhook plugins` and `offhook doctor`.

The distributions are what an installer leaves behind: modules and a `dist-info` folder, in a folder on the path.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

import offhook
from offhook.records.home import HOME_VARIABLE

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
#: A transport that is registered and never joined.
TRANSPORT = """
from offhook import hookimpl

@hookimpl
def offhook_transport(registry):
    registry.add({name!r}, lambda environment: None, summary={summary!r})
"""


@dataclass
class Site:
    """A folder on the path that distributions are installed into."""

    folder: Path

    def install(self, distribution: str, version: str, *, point: str, module: str, transport: str) -> None:
        """A distribution with one module, which registers one transport."""
        self.folder.mkdir(exist_ok=True)
        code = TRANSPORT.format(name=transport, summary=f"{distribution} {version}")
        (self.folder / f"{module}.py").write_text(code, encoding="utf-8")
        normal = distribution.lower().replace("-", "_").replace(".", "_")
        info = self.folder / f"{normal}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[offhook]\n{point} = {module}\n")


@dataclass
class Offhook:
    """The command line, in an environment of the test's own."""

    home: Path

    def run(self, *arguments: str, path: tuple[Site, ...] = (), **environment: str) -> subprocess.CompletedProcess[str]:
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("OFFHOOK_", "SENDBLUE_"))
        }
        sources = [str(Path(offhook.__file__).parents[1]), str(ROOT / "plugins"), str(ROOT / "mockserver")]
        return subprocess.run(
            [sys.executable, "-m", "offhook", *arguments],
            env={
                **inherited,
                HOME_VARIABLE: str(self.home),
                "PYTHONSAFEPATH": "1",
                "PYTHONPATH": os.pathsep.join([*(str(site.folder) for site in path), *sources]),
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def transports(self, *path: Site) -> tuple[dict[str, str], dict[str, str]]:
        """The summary of each transport, and the problem of each plugin that was left out, by name and distribution."""
        shown = json.loads(self.run("plugins", "--json", path=path).stdout)
        problems = {
            f"{report['name']} {report['distribution']} {report['version']}": report["problem"]
            for report in shown["plugins"]
            if report["problem"]
        }
        return {part["name"]: part["summary"] for part in shown["parts"] if part["kind"] == "transport"}, problems

    def wrong(self, *path: Site, **environment: str) -> list[str]:
        """What the doctor finds wrong; its exit code says whether there is anything."""
        done = self.run("doctor", "--json", path=path, **environment)
        document = json.loads(done.stdout)
        assert done.returncode == bool(document["wrong"])
        return [f"{item['topic']}: {item['text']}" for item in document["findings"] if item["level"] == "wrong"]


@pytest.fixture
def command(tmp_path: Path) -> Offhook:
    return Offhook(tmp_path / "home")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


def test_a_plugin_that_is_uninstalled_while_a_setting_still_names_it(command: Offhook, site: Site) -> None:
    site.install("acme-offhook", "1.0", point="acme", module="acme", transport="acme")
    assert command.wrong(site, OFFHOOK_TRANSPORT="acme") == []
    assert command.transports(site)[0]["acme"] == "acme-offhook 1.0"
    shutil.rmtree(site.folder)
    (wrong,) = command.wrong(site, OFFHOOK_TRANSPORT="acme")
    refused = command.run("call", "+14155550123", path=(site,), OFFHOOK_TRANSPORT="acme")
    assert refused.returncode == 2
    for said in (wrong, refused.stderr):
        assert "no transport is called 'acme'" in said
        assert "OFFHOOK_TRANSPORT" in said
        assert "installed: agora, aiortc" in said
    assert "Traceback" not in refused.stderr


def test_two_versions_of_a_distribution_side_by_side(command: Offhook, tmp_path: Path) -> None:
    old, new = Site(tmp_path / "old"), Site(tmp_path / "new")
    old.install("acme-offhook", "1.0", point="acme", module="acme", transport="acme")
    new.install("Acme.Offhook", "2.0", point="acme", module="acme", transport="acme")
    for first, second, version in ((old, new, "acme-offhook 1.0"), (new, old, "Acme.Offhook 2.0")):
        transports, problems = command.transports(first, second)
        assert transports["acme"] == version, "as Python does: the first on the path"
        assert problems == {}
    (wrong,) = command.wrong(new, old)
    assert f"2.0 in {new.folder} is in use" in wrong
    assert f"1.0 in {old.folder} is not" in wrong


def test_two_distributions_with_one_entry_point_name(command: Offhook, site: Site) -> None:
    site.install("acme-offhook", "1.0", point="acme", module="acme", transport="acme")
    site.install("better-acme", "0.3", point="acme", module="better", transport="better")
    transports, problems = command.transports(site)
    assert transports["acme"] == "acme-offhook 1.0"
    assert "better" not in transports
    (label,) = problems
    assert label == "acme better-acme 0.3"
    (wrong,) = command.wrong(site)
    for said in (problems[label], wrong):
        assert "its name is taken by plugin 'acme (acme-offhook 1.0)'" in said
    assert "acme (better-acme 0.3)" in wrong


@pytest.mark.parametrize("point", ["aardvark", "aiortc"])
def test_a_plugin_that_shadows_a_built_in_name(command: Offhook, site: Site, point: str) -> None:
    """The name of a transport, also by one that comes first in the alphabet; or of a plugin as well."""
    site.install("aaa-offhook", "6.6", point=point, module="aaa", transport="aiortc")
    transports, problems = command.transports(site)
    assert transports["aiortc"].startswith("WebRTC to a relay"), "the built-in stays"
    assert list(problems) == [f"{point} aaa-offhook 6.6"]
    (wrong,) = command.wrong(site)
    assert f"{point} (aaa-offhook 6.6)" in wrong
    assert "taken by plugin 'aiortc (offhook " in wrong


def test_a_plugin_whose_metadata_is_there_and_whose_module_is_gone(command: Offhook, site: Site) -> None:
    site.install("acme-offhook", "1.0", point="acme", module="acme", transport="acme")
    (site.folder / "acme.py").unlink()
    transports, problems = command.transports(site)
    assert set(transports) == {"agora", "aiortc"}
    assert "ModuleNotFoundError: No module named 'acme'" in problems["acme acme-offhook 1.0"]
    (wrong,) = command.wrong(site)
    assert "acme (acme-offhook 1.0)" in wrong
    assert "No module named 'acme'" in wrong


@pytest.mark.slow
def test_a_plugin_that_pip_installs_and_uninstalls(command: Offhook, tmp_path: Path) -> None:
    """A real wheel, a real environment: pip in it takes away what it has put there."""
    wheel = tmp_path / "acme_offhook-1.0-py3-none-any.whl"
    staging = Site(tmp_path / "staging")
    staging.install("acme-offhook", "1.0", point="acme", module="acme", transport="acme")
    info = "acme_offhook-1.0.dist-info"
    (staging.folder / info / "WHEEL").write_text("Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    files = [str(path.relative_to(staging.folder)) for path in staging.folder.rglob("*") if path.is_file()]
    (staging.folder / info / "RECORD").write_text("".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"]))
    with zipfile.ZipFile(wheel, "w") as archive:
        for file in [*files, f"{info}/RECORD"]:
            archive.write(staging.folder / file, file)
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=True)
    (installed,) = (environment / "lib").glob("python*/site-packages")
    pip = [str(environment / "bin/python"), "-m", "pip", "--no-input", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--no-index", "--no-deps", str(wheel)], check=True, capture_output=True)
    site = Site(installed)
    assert command.transports(site)[0]["acme"] == "acme-offhook 1.0"
    subprocess.run([*pip, "uninstall", "--yes", "acme-offhook"], check=True, capture_output=True)
    assert "acme" not in command.transports(site)[0]
    assert "no transport is called 'acme'" in command.wrong(site, OFFHOOK_TRANSPORT="acme")[0]
