"""offhook's own checks: what is wrong is found and reported with the cure, and no value of a setting is shown."""

from __future__ import annotations

import ssl
import sys
from typing import TYPE_CHECKING

import pytest
from tests.core.rig import ALONE, AudioKit, load

from offhook.cli.doctor import checks
from offhook.cli.doctor.added import add_checks
from offhook.cli.doctor.checks import Shadowed, shadowed
from offhook.cli.doctor.diagnosis import diagnose
from offhook.interfaces import Archive
from offhook.interfaces.diagnosis import Level
from offhook.interfaces.environment import Environment
from offhook.plugin.discovery import installed
from offhook.plugin.hookspecs import hookimpl
from offhook.plugin.manager import Plugins
from offhook.plugin.quarantine import TLS_REPLACED
from offhook.testing import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from offhook.interfaces.diagnosis import Finding
    from offhook.interfaces.store import Document
    from offhook.plugin.registry import ArchiveRegistry, AuthRegistry, CarrierRegistry, StoreRegistry, TransportRegistry


class Tape(Archive):
    """Holds as many calls as its spec says; one that holds fewer than none is broken."""

    def __init__(self, calls: int) -> None:
        self.calls = calls

    def records(self, limit: int | None = None) -> list[Document]:
        if self.calls < 0:
            raise OSError("the tape is torn")
        return [{}] * min(self.calls, limit or 0)

    def record(self, call_id: str) -> Document | None:
        return None

    def journal(self, call_id: str) -> list[Document]:
        return []

    def close(self) -> None: ...


class Kit:
    """A part of every kind that the checks look for."""

    @hookimpl
    def offhook_store(self, registry: StoreRegistry) -> None:
        for name in ("tape", "paper"):
            registry.add(name, lambda argument, environment: MemoryStore())

    @hookimpl
    def offhook_archive(self, registry: ArchiveRegistry) -> None:
        registry.add("tape", lambda argument, environment: Tape(int(argument)))

    @hookimpl
    def offhook_transport(self, registry: TransportRegistry) -> None:
        registry.add("pigeon", print)  # type: ignore[arg-type]
        registry.add("dove", print, extra="acme[dove]", needs=("no_such_sdk", "nor_this"))  # type: ignore[arg-type]

    @hookimpl
    def offhook_carrier(self, registry: CarrierRegistry) -> None:
        registry.add("sendblue", print)  # type: ignore[arg-type]

    @hookimpl
    def offhook_auth(self, registry: AuthRegistry) -> None:
        registry.add("env", print)  # type: ignore[arg-type]


class Also:
    @hookimpl
    def offhook_carrier(self, registry: CarrierRegistry) -> None: ...


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hides distributions that are installed twice on this machine."""
    monkeypatch.setattr(checks, "shadowed", list)


def check(plugins: Plugins, settings: dict[str, str]) -> list[Finding]:
    """Run offhook's own checks, and no others."""
    if not any(plugins.diagnosis):
        add_checks(plugins.diagnosis, lambda: plugins)
    return diagnose(plugins, Environment(settings))


def found(
    subject: str, *, level: Level = Level.WRONG, plugins: Plugins | None = None, **settings: str
) -> list[Finding]:
    given = {"OFFHOOK_STORE": "none", **settings}
    findings = check(plugins or load(Kit()), given)
    return [finding for finding in findings if finding.subject == subject and finding.level is level]


@pytest.mark.parametrize("switched_off", [True, False])
def test_missing_resamplers_are_wrong(switched_off: bool) -> None:
    plugins = load() if switched_off else load(AudioKit())
    wrong = [finding for finding in check(plugins, {"OFFHOOK_STORE": "none"}) if finding.subject == "resampler"]
    assert [finding.text.partition(":")[0] for finding in wrong] == (
        ["no plugin adds 'live'", "no plugin adds 'file'"] if switched_off else []
    )
    assert all(finding.level is Level.WRONG for finding in wrong)


def test_a_complete_installation_has_no_wrong_finding() -> None:
    levels = [finding.level for finding in check(load(Kit(), Also(), AudioKit()), {"OFFHOOK_STORE": "none"})]
    assert Level.WRONG not in levels
    (hook,) = found("hook offhook_carrier", level=Level.FINE, plugins=load(Kit(), Also()))
    assert hook.text == "called in this order: Kit (given to the phone), Also (given to the phone)"


def test_plugins_that_are_loaded_left_out_or_disabled(install: Callable[..., str], tmp_path: Path) -> None:
    module = install("bad", "import no_such_sdk")
    good = install("good")
    install("odd", "from offhook.plugin import hookimpl\noffhook_acme = print")
    plugins = load()
    plugins.reports[-1].notes.append(TLS_REPLACED)
    (bad,) = found("plugin bad (bad-offhook 1.0)", plugins=plugins)
    assert bad.text == "left out: ModuleNotFoundError: No module named 'no_such_sdk'"
    assert bad.lines == (f"{tmp_path / module}.py:1 in <module>: import no_such_sdk",)
    (fine,) = found("plugin good (good-offhook 1.0)", level=Level.FINE, plugins=plugins)
    assert fine.text == f"{good} ({tmp_path / good}.py): offhook_carrier"
    (off,) = found("plugin sqlite (offhook 0.1.0)", level=Level.NOTE, plugins=plugins)
    assert off.text == "not loaded: OFFHOOK_DISABLE_PLUGINS names it"
    names, nothing = found("plugin odd (odd-offhook 1.0)", level=Level.NOTE, plugins=plugins)
    assert names.text.startswith("offhook_acme is named like a hook")
    assert nothing.text == "it implements no hook"
    (tls,) = found("plugin odd (odd-offhook 1.0)", plugins=plugins)
    assert tls.text == TLS_REPLACED


def test_a_disabled_name_that_matches_no_plugin() -> None:
    plugins = Plugins.load((), {"OFFHOOK_DISABLE_PLUGINS": f"{ALONE['OFFHOOK_DISABLE_PLUGINS']},sqlight"})
    (finding,) = found("plugins", plugins=plugins)
    assert "names 'sqlight', but no plugin has that name; did you mean sqlite?" in finding.text


def test_a_required_plugin_that_is_not_loaded() -> None:
    (finding,) = found("plugins", OFFHOOK_REQUIRE_PLUGINS="acme")
    assert finding.text.startswith("OFFHOOK_REQUIRE_PLUGINS names 'acme', which is not loaded")


def test_packages_that_are_missing() -> None:
    (finding,) = found("transport dove", level=Level.NOTE)
    assert finding.text == 'lacks no_such_sdk, nor_this: pip install "acme[dove]"'


def test_a_distribution_that_is_installed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "shadowed", lambda: [Shadowed("acme", "2.0 in /a", "1.0 in /b")])
    (finding,) = found("distribution acme")
    assert finding.text == "installed twice: 2.0 in /a is in use, 1.0 in /b is not. Uninstall one of them"


def test_shadowed_finds_a_distribution_that_is_installed_twice(
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
    plugin = next(report for _, report in installed({}).plugins if report.name == "acme")
    assert plugin.version == "0.5", "and that is the one that is loaded"


def test_disabled_tls_checks_and_an_unsupported_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssl, "_create_default_https_context", ssl._create_unverified_context)
    assert "urllib may check no certificates" in found("tls")[0].text
    assert found("platform") == []
    monkeypatch.setattr(sys, "platform", "win32")
    assert "only Linux and macOS" in found("platform")[0].text


def test_settings_are_shown_by_name_alone() -> None:
    settings = {"SENDBLUE_API_API_SECRET": "sesame-4711", "OFFHOOK_TRANSPORT": "", "HOME": "/x"}
    findings = check(load(Kit()), {"OFFHOOK_STORE": "tape:sesame-4711", **settings})
    assert "sesame" not in " ".join(finding.text for finding in findings if finding.subject != "store")
    (names, empty) = (finding for finding in findings if finding.subject == "settings")
    assert names.text == "set: OFFHOOK_STORE, SENDBLUE_API_API_SECRET"
    assert (names.level, empty.level) == (Level.FINE, Level.NOTE)
    assert empty.text == "empty, which counts as not set: OFFHOOK_TRANSPORT"


def test_the_folder_for_records(tmp_path: Path) -> None:
    new = str(tmp_path / "a" / "b")
    assert found("home", level=Level.FINE, OFFHOOK_HOME=new)[0].text == f"{new} can be written"
    assert not (tmp_path / "a").exists(), "looking makes nothing"
    (tmp_path / "file").write_text("")
    inside = str(tmp_path / "file" / "calls")
    (finding,) = found("home", OFFHOOK_HOME=inside, OFFHOOK_STORE="tape:1")
    assert f"no records can be written: '{tmp_path}/file' is a file and not a folder. Set OFFHOOK_HOME" in finding.text
    assert found("home", level=Level.NOTE, OFFHOOK_HOME=inside), "where nothing is kept it does not matter"


@pytest.mark.parametrize(
    ("spec", "level", "says"),
    [
        ("none", Level.FINE, "OFFHOOK_STORE is none: no calls are stored"),
        ("tape:0", Level.FINE, "tape: it can be read, and holds no calls yet"),
        ("tape:3", Level.FINE, "tape: it can be read"),
        ("paper", Level.NOTE, "paper: it can be written, but not read again"),
        ("tape:-1", Level.WRONG, "plugin 'Kit (given to the phone)' failed in archive: OSError: the tape is torn"),
        (
            "tape:x",
            Level.WRONG,
            "plugin 'Kit (given to the phone)' failed in the factory of the archive 'tape': Value",
        ),
        (
            "stone:x",
            Level.WRONG,
            "OFFHOOK_STORE names 'stone', but no store is called 'stone' (installed: paper, tape)",
        ),
    ],
)
def test_the_store(spec: str, level: Level, says: str) -> None:
    (finding,) = found("store", level=level, OFFHOOK_STORE=spec)
    assert finding.text.startswith(says)


def test_the_parts_that_settings_name() -> None:
    (usual,) = found("transport", level=Level.FINE)
    assert usual.text.startswith("OFFHOOK_TRANSPORT is not set: aiortc where")
    (pigeon,) = found("transport", level=Level.FINE, OFFHOOK_TRANSPORT="pigeon")
    assert pigeon.text == "pigeon, from plugin Kit (given to the phone)"
    (unknown,) = found("transport", OFFHOOK_TRANSPORT="owl")
    assert unknown.text.startswith("OFFHOOK_TRANSPORT names 'owl', but no transport is called 'owl' (installed: dove")
    (lacking,) = found("transport", OFFHOOK_TRANSPORT="dove")
    assert 'pip install "acme[dove]"' in lacking.text
    (owl,) = found("carrier", OFFHOOK_CARRIER="owl")
    assert owl.text.startswith("OFFHOOK_CARRIER names 'owl', but no carrier is called 'owl'")
    (carrier,) = found("carrier", level=Level.NOTE, plugins=load())
    assert carrier.text.startswith("no carrier is called 'sendblue'")
