"""`offhook agora check` and the doctor: one line each on what is wrong, and what to type."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
from tests.permissions import bound_by_permissions
from tests.plugins.agora_files import AARCH64, ADDRESS, HERE, SYMBOLS, X86_64, elf, sdk_folder, upstream

from offhook.cli.root import run
from offhook.interfaces import Environment, Finding, Level
from offhook_agora.diagnosis import findings
from offhook_agora.layout import REQUIREMENT, SdkLayout
from offhook_agora.machine import Machine
from offhook_agora.upstream import native_address

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MOCK = "http://127.0.0.1:8080"
linux_only = pytest.mark.skipif(HERE.system != "linux", reason="Mach-O files are only looked for")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OFFHOOK_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    return tmp_path / "home"


def _all(
    settings: dict[str, str] | None = None,
    *,
    machine: Machine = HERE,
    wanted: bool = True,
    prove: Callable[[SdkLayout], Finding] | None = None,
) -> list[Finding]:
    found = list(findings(Environment(settings or {}), machine, wanted=wanted, prove=prove))
    assert all(finding.text.isprintable() and all(map(str.isprintable, finding.lines)) for finding in found)
    return found


def _wrong(settings: dict[str, str] | None = None, *, machine: Machine = HERE, wanted: bool = True) -> list[str]:
    return [found.text for found in _all(settings, machine=machine, wanted=wanted) if found.level is Level.WRONG]


def _notes(settings: dict[str, str] | None = None) -> list[str]:
    return [found.text for found in _all(settings) if found.level is Level.NOTE]


def test_nothing_is_here() -> None:
    layer, library = _wrong()
    assert f'pip install "{REQUIREMENT}"' in layer
    assert library.endswith("type: offhook agora fetch")


def test_the_doctor_does_not_mind_what_is_not_wanted() -> None:
    (found,) = _all(wanted=False)
    assert found.level is Level.NOTE
    assert REQUIREMENT in found.text


@pytest.mark.parametrize("wanted", [True, False])
def test_a_setting_that_is_not_valid(wanted: bool) -> None:
    message = _wrong({"OFFHOOK_AGORA_SCENARIO": "choros"}, wanted=wanted)[0]
    assert message.startswith("OFFHOOK_AGORA_SCENARIO must be one of")
    assert "did you mean chorus?" in message


def test_the_mocks_folder_without_the_layer(tmp_path: Path) -> None:
    sdk = sdk_folder(tmp_path / "sdk", "mock")
    settings = {"OFFHOOK_AGORA_SDK": str(sdk), "SENDBLUE_API_BASE_URL": MOCK}
    (found,) = (found for found in _all(settings) if found.level is Level.WRONG)
    assert found.text.endswith(f"type: offhook mock agora-sdk --into {sdk}")
    assert not found.lines  # the remark on pip's installer is not about this remedy


@pytest.mark.parametrize("settings", [{"OFFHOOK_TRANSPORT": "agora"}, {"OFFHOOK_AGORA_SDK": "/missing"}])
def test_the_doctor_minds_what_a_setting_asks_for(settings: dict[str, str]) -> None:
    assert _wrong(settings, wanted=False)


def test_all_is_well(site: Path, tmp_path: Path) -> None:
    upstream(site)
    sdk = sdk_folder(tmp_path / "sdk")
    layer, library = _all({"OFFHOOK_AGORA_SDK": str(sdk)})
    assert layer.level is library.level is Level.FINE
    assert "version 2.4.10" in layer.text
    assert "Agora's, in" in library.text
    assert not (site / "RAN").exists()


@pytest.mark.trap("2.1a")
@pytest.mark.parametrize(("installer", "said"), [("uv", "uv throws it away"), ("pip", "a wheel holds none")])
def test_only_the_layer(site: Path, installer: str, said: str) -> None:
    upstream(site, installer=installer)
    for wanted in (True, False):
        (text,) = _wrong(wanted=wanted)
        assert said in text
        assert text.endswith("type: offhook agora fetch")


def test_only_the_libraries(home: Path) -> None:
    sdk_folder(home / "agora")
    for wanted in (True, False):
        (text,) = _wrong(wanted=wanted)
        assert f'pip install "{REQUIREMENT}"' in text


@pytest.mark.trap("2.2c")
def test_an_unrelated_package(site: Path) -> None:
    (site / "agora").mkdir()
    (site / "agora" / "__init__.py").write_text("raise SystemExit", "ascii")
    assert "is called agora but is not Agora's" in _wrong()[0]


@pytest.mark.trap("2.2c")
def test_an_unrelated_package_before_upstreams(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream(site)
    (tmp_path / "other" / "agora").mkdir(parents=True)
    (tmp_path / "other" / "agora" / "__init__.py").write_bytes(b"")
    monkeypatch.syspath_prepend(str(tmp_path / "other"))
    sdk = sdk_folder(tmp_path / "sdk")
    (text,) = _notes({"OFFHOOK_AGORA_SDK": str(sdk)})
    assert "another package called agora" in text


@pytest.mark.trap("2.2a")
@pytest.mark.parametrize(
    ("machine", "said"),
    [
        (Machine("linux", "x86_64", None), "musl"),
        (Machine("linux", "ppc64le", (2, 40)), "ppc64le"),
        (Machine("freebsd14", "x86_64", None), "freebsd14"),
    ],
)
def test_a_machine_that_agora_builds_nothing_for(site: Path, tmp_path: Path, machine: Machine, said: str) -> None:
    upstream(site)
    (text,) = _wrong({"OFFHOOK_AGORA_SDK": str(sdk_folder(tmp_path / "sdk"))}, machine=machine)
    assert said in text


@linux_only
def test_the_mocks_library_may_be_built_on_musl(tmp_path: Path) -> None:
    sdk = sdk_folder(tmp_path / "sdk", "mock")
    upstream(sdk / "upstream")
    machine = Machine("linux", HERE.processor, None)
    assert not _wrong({"OFFHOOK_AGORA_SDK": str(sdk), "SENDBLUE_API_BASE_URL": MOCK}, machine=machine)


@linux_only
@pytest.mark.trap("2.2a")
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (elf(machine=AARCH64 if HERE.processor == "x86_64" else X86_64), "is built for"),
        (elf(machine={"x86_64": X86_64}.get(HERE.processor, AARCH64), glibc=["GLIBC_2.999"]), "needs glibc 2.999"),
        (elf()[:-1], "is truncated"),
        (b"", "is empty"),
        (b"\x1b[31m red", "is not a library"),
        (os.urandom(5000), "is not a library"),
    ],
)
def test_a_library_that_cannot_be_loaded(site: Path, tmp_path: Path, content: bytes, said: str) -> None:
    upstream(site)
    sdk = sdk_folder(tmp_path / "sdk")
    (sdk / "agora_sdk" / HERE.main_library).write_bytes(content)
    (text,) = _wrong({"OFFHOOK_AGORA_SDK": str(sdk)})
    assert said in text
    assert ";" in text


@linux_only
@pytest.mark.trap("2.3b")
def test_a_library_that_lacks_functions(site: Path, tmp_path: Path) -> None:
    upstream(site, symbols=(*SYMBOLS, "agora_new_in_this_version"))
    sdk = sdk_folder(tmp_path / "sdk", address="https://download.example/older.zip")
    settings = {"OFFHOOK_AGORA_SDK": str(sdk)}
    (text,) = _wrong(settings)
    assert "lacks 1 of the 4 functions" in text
    assert "agora_new_in_this_version" in text
    assert native_address(site / "agora", HERE) in _notes(settings)[0]


@pytest.mark.trap("2.1b")
def test_a_library_that_was_made_for_another_version(site: Path, tmp_path: Path) -> None:
    upstream(site)
    sdk = sdk_folder(tmp_path / "sdk", address="https://download.example/older.zip")
    (text,) = _notes({"OFFHOOK_AGORA_SDK": str(sdk)})
    assert f"--url {native_address(site / 'agora', HERE)}" in text
    sdk = sdk_folder(tmp_path / "right", address=native_address(site / "agora", HERE))
    assert not _notes({"OFFHOOK_AGORA_SDK": str(sdk)})


@pytest.mark.trap("2.1b")
def test_libraries_beside_the_package_of_another_version(site: Path) -> None:
    package = upstream(site)
    (package / "agora_sdk").mkdir()
    for name in HERE.needed_libraries:
        (package / "agora_sdk" / name).write_bytes(elf())
    (package / "version.txt").write_text(ADDRESS.replace("linux", "older"), "ascii")
    (text,) = _wrong()
    assert "would delete it" in text


def test_a_folder_that_may_not_be_read(site: Path, tmp_path: Path) -> None:
    upstream(site)
    sdk = sdk_folder(tmp_path / "sdk")
    for closed in (sdk, sdk / "agora_sdk", sdk / "agora_sdk" / HERE.main_library):
        mode = closed.stat().st_mode
        closed.chmod(0)
        try:
            with bound_by_permissions():
                (text, *_) = _wrong({"OFFHOOK_AGORA_SDK": str(sdk)})
        finally:
            closed.chmod(mode)
        assert "readable for the user" in text or "not a folder" in text


def test_half_a_download(home: Path) -> None:
    work = home / ".agora.fetch"
    work.mkdir(parents=True)
    (work / "archive.part").write_bytes(bytes(1_500_000))
    state = {"address": "https://a.example/", "validator": "x", "total": 3_000_000}
    (work / "archive.json").write_text(json.dumps(state), "ascii")
    (text,) = _notes()
    assert "cut off after 1.5 of 3.0 MB" in text
    (work / "archive.json").unlink()
    assert "cut off after 1.5 MB" in _notes()[0]


def test_a_folder_that_was_not_completed(tmp_path: Path) -> None:
    (tmp_path / "sdk" / "agora_sdk").mkdir(parents=True)
    (text,) = _wrong({"OFFHOOK_AGORA_SDK": str(tmp_path / "sdk")})
    assert f"type: offhook agora fetch --into {tmp_path / 'sdk'}" in text


@pytest.mark.trap("2.2b")
def test_the_path_for_other_programs(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream(site)
    sdk = sdk_folder(tmp_path / "sdk")
    settings = {"OFFHOOK_AGORA_SDK": str(sdk)}
    lines = _all(settings)[1].lines
    if HERE.system != "linux":
        assert not lines
        return
    assert f"LD_LIBRARY_PATH={sdk / 'agora_sdk'};" in lines[0]
    other = sdk_folder(tmp_path / "other") / "agora_sdk"
    monkeypatch.setenv("LD_LIBRARY_PATH", f"/lib:{other}")
    assert f"names another library in '{other}'" in _all(settings)[1].lines[0]
    monkeypatch.setenv("LD_LIBRARY_PATH", str(sdk / "agora_sdk"))
    assert not _all(settings)[1].lines


def test_the_mocks_library_for_calls_through_sendblue(tmp_path: Path) -> None:
    sdk = sdk_folder(tmp_path / "sdk", "mock")
    upstream(sdk / "upstream")
    (text,) = _wrong({"OFFHOOK_AGORA_SDK": str(sdk)})
    assert "the mock's SDK" in text
    assert "unset OFFHOOK_AGORA_SDK" in text
    assert not _wrong({"OFFHOOK_AGORA_SDK": str(sdk), "SENDBLUE_API_BASE_URL": MOCK})


def test_agoras_library_for_calls_to_a_mock(site: Path, tmp_path: Path) -> None:
    upstream(site)
    settings = {"OFFHOOK_AGORA_SDK": str(sdk_folder(tmp_path / "sdk")), "SENDBLUE_API_BASE_URL": MOCK}
    assert not _wrong(settings)
    (text,) = _wrong({**settings, "OFFHOOK_TRANSPORT": "agora"})
    assert "offhook mock agora-sdk --into DIR" in text


def test_the_proof_is_only_asked_for_if_all_else_is_well(site: Path, tmp_path: Path) -> None:
    asked: list[SdkLayout] = []

    def prove(layout: SdkLayout) -> Finding:
        asked.append(layout)
        return Finding(Level.FINE, "agora import", "works")

    assert _all(prove=prove)
    assert not asked
    package = upstream(site)
    sdk = sdk_folder(tmp_path / "sdk")
    assert _all({"OFFHOOK_AGORA_SDK": str(sdk)}, prove=prove)[-1].text == "works"
    assert asked == [SdkLayout(package, sdk / "agora_sdk", "2.4.10", "agora")]


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["agora", "check"]) == 1
    lines = [line for line in capsys.readouterr().out.splitlines() if not line.startswith(" ")]
    assert [line[:18] for line in lines] == ["WRONG agora layer:", "WRONG agora librar"]
    monkeypatch.setenv("OFFHOOK_AGORA_SDK", str(tmp_path))
    assert run(["agora", "check", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["wrong"] == 1


@pytest.mark.trap("2.1c")
def test_an_sdk_that_ends_its_process_is_only_reported(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    upstream(site)  # to import it raises SystemExit
    monkeypatch.setenv("OFFHOOK_AGORA_SDK", str(sdk_folder(tmp_path / "sdk")))
    assert run(["agora", "check", "--json"]) == 1
    *fine, last = json.loads(capsys.readouterr().out)["findings"]
    assert {found["level"] for found in fine} == {"fine"}
    assert (last["topic"], last["level"]) == ("agora import", "wrong")


def test_the_doctor(capsys: pytest.CaptureFixture[str]) -> None:
    run(["doctor", "--json"])  # its exit code is about this machine
    topics = {found["topic"]: found["level"] for found in json.loads(capsys.readouterr().out)["findings"]}
    assert topics["agora layer"] == "note"
