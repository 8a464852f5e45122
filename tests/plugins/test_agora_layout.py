"""Where the SDK is found, without importing it; and how upstream's layer and libraries are read."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.plugins.agora_files import (
    AARCH64,
    ADDRESS,
    HERE,
    LINUX,
    SYMBOLS,
    elf,
    libraries,
    sdk_folder,
    upstream,
)

from offhook.errors import ConfigError, MissingExtraError, OffhookError, TransportNotSetUp, TransportUnavailable
from offhook.interfaces import Environment
from offhook_agora.elf import Library, NotALibrary, _Elf
from offhook_agora.layout import REQUIREMENT, SdkLayout, find_sdk, packages_called_agora
from offhook_agora.libraries import problems
from offhook_agora.machine import Machine
from offhook_agora.marker import Marker, read_marker, write_marker
from offhook_agora.upstream import bound_symbols, installer_of, native_address, records_address, version_of

if TYPE_CHECKING:
    from pathlib import Path

linux_only = pytest.mark.skipif(HERE.system != "linux", reason="Mach-O files are only looked for")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in front of Python's path."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OFFHOOK_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def _environment(sdk: Path | str = "") -> Environment:
    return Environment({"OFFHOOK_AGORA_SDK": str(sdk)} if sdk else {})


def _refusal(kind: type[OffhookError], sdk: Path | str = "") -> str:
    with pytest.raises(kind) as caught:
        find_sdk(_environment(sdk))
    assert caught.value.message.isprintable()
    return caught.value.message


def _beside(package: Path, address: str = ADDRESS) -> None:
    """What upstream's installer puts beside its package."""
    code = {"x86_64": 62, "aarch64": AARCH64}.get(HERE.processor, 0)
    (package / "agora_sdk").mkdir()
    for name in HERE.needed_libraries:
        (package / "agora_sdk" / name).write_bytes(elf(machine=code))
    (package / "version.txt").write_text(address, "ascii")


def _own_address(package: Path) -> str:
    return native_address(package, HERE)


@pytest.mark.trap("2.3a")
def test_nothing_of_the_sdk_is_imported(site: Path, tmp_path: Path) -> None:
    upstream(site)
    sdk_folder(tmp_path / "sdk")
    program = (
        "import sys, ssl\n"
        "before = ssl._create_default_https_context\n"
        "from offhook.interfaces import Environment\n"
        "from offhook_agora.layout import find_sdk\n"
        "from offhook_agora.diagnosis import findings\n"
        "from offhook_agora.machine import Machine\n"
        "environment = Environment.of_process()\n"
        "print(find_sdk(environment).version)\n"
        "list(findings(environment, Machine.here(), wanted=True))\n"
        "assert ssl._create_default_https_context is before\n"
        "assert not [name for name in sys.modules if name.partition('.')[0] == 'agora']\n"
    )
    environment = {**os.environ, "OFFHOOK_AGORA_SDK": str(tmp_path / "sdk"), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "2.4.10\n"
    assert not (site / "RAN").exists()


@pytest.mark.trap("2.1b")
def test_no_network_is_needed(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    upstream(site)
    assert find_sdk(_environment(sdk_folder(tmp_path / "sdk"))).kind == "agora"


def test_nothing_is_installed() -> None:
    message = _refusal(MissingExtraError)
    assert f'pip install "{REQUIREMENT}"' in message


def test_the_current_folder_was_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.syspath_prepend("")
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "here").rmdir()
    assert REQUIREMENT in _refusal(MissingExtraError)


def test_a_finder_that_fails(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Finder:
        def find_spec(self, *_: object) -> None:
            raise RuntimeError("broken")

    package = upstream(site)
    sdk = sdk_folder(tmp_path / "sdk")
    with monkeypatch.context() as patch:
        patch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
        assert find_sdk(_environment(sdk)).package == package


def test_a_named_folder(site: Path, tmp_path: Path) -> None:
    package = upstream(site, version="2.4.9")
    sdk = sdk_folder(tmp_path / "sdk")
    assert find_sdk(_environment(sdk)) == SdkLayout(package, sdk / "agora_sdk", "2.4.9", "agora")


def test_the_folder_of_fetch(site: Path, home: Path) -> None:
    package = upstream(site)
    _beside(package, _own_address(package))
    sdk_folder(home / "agora")
    assert find_sdk(_environment()).libraries == home / "agora" / "agora_sdk"


def test_the_libraries_beside_the_package(site: Path) -> None:
    package = upstream(site)
    _beside(package, _own_address(package))
    assert find_sdk(_environment()) == SdkLayout(package, package / "agora_sdk", "2.4.10", "agora")


def test_an_incomplete_folder_of_fetch_is_passed_over(site: Path, home: Path) -> None:
    package = upstream(site)
    _beside(package, _own_address(package))
    (home / "agora" / "agora_sdk").mkdir(parents=True)
    assert find_sdk(_environment()).libraries == package / "agora_sdk"


@pytest.mark.trap("2.1b")
@pytest.mark.parametrize("address", ["https://download.example/older.zip", "", ADDRESS + "\n"])
def test_libraries_of_another_version_beside_the_package(site: Path, address: str) -> None:
    package = upstream(site)
    _beside(package, address)
    message = _refusal(TransportNotSetUp)
    assert "would delete it" in message
    assert message.endswith("type: offhook agora fetch")
    assert (package / "agora_sdk" / HERE.main_library).is_file()


def test_an_older_package_that_records_no_address(site: Path) -> None:
    package = upstream(site, version="2.3.4", dated=False)
    _beside(package, "")
    (package / "version.txt").unlink()
    assert find_sdk(_environment()).version == "2.3.4"


@pytest.mark.trap("2.1a")
@pytest.mark.parametrize(("installer", "said"), [("uv", "uv throws it away"), ("pip", "a wheel holds none"), ("x", "")])
def test_a_package_without_libraries(site: Path, installer: str, said: str) -> None:
    upstream(site, installer=installer)
    message = _refusal(TransportNotSetUp)
    assert said in message
    assert message.endswith("type: offhook agora fetch")


@pytest.mark.trap("2.1b")
def test_an_empty_folder_that_a_failed_download_has_left(site: Path) -> None:
    package = upstream(site)
    (package / "agora_sdk").mkdir()
    assert "offhook agora fetch" in _refusal(TransportNotSetUp)


@pytest.mark.trap("2.1a")
def test_what_an_uninstalled_package_has_left_is_not_taken_for_another(site: Path) -> None:
    libraries(site / "agora" / "agora_sdk")
    (site / "agora" / "version.txt").write_text(ADDRESS, "ascii")
    assert REQUIREMENT in _refusal(MissingExtraError)


@pytest.mark.trap("2.2c")
def test_an_unrelated_package_called_agora(site: Path) -> None:
    (site / "agora").mkdir()
    (site / "agora" / "__init__.py").write_text("raise SystemExit('imported')", "ascii")
    message = _refusal(TransportNotSetUp)
    assert "is called agora but is not Agora's" in message
    assert REQUIREMENT in message


def test_an_unrelated_package_before_upstreams(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = upstream(site)
    other = tmp_path / "other"
    (other / "agora").mkdir(parents=True)
    (other / "agora" / "__init__.py").write_bytes(b"")
    monkeypatch.syspath_prepend(str(other))
    assert [*packages_called_agora()][:2] == [other / "agora", package]
    assert find_sdk(_environment(sdk_folder(tmp_path / "sdk"))).package == package


def test_a_module_without_a_spec(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import types

    package = upstream(site)
    monkeypatch.setitem(sys.modules, "agora", types.ModuleType("agora"))
    assert find_sdk(_environment(sdk_folder(tmp_path / "sdk"))).package == package


def test_the_layer_in_a_folder_of_the_mock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sdk = sdk_folder(tmp_path / "sdk", "mock", sdk="2.4.9")
    package = upstream(sdk / "upstream")
    # Its own parent module, which a program gets over PYTHONPATH, holds nothing.
    (sdk / "agora").mkdir()
    (sdk / "agora" / "__init__.py").write_text("raise SystemExit('imported')", "ascii")
    monkeypatch.syspath_prepend(str(sdk))
    assert find_sdk(_environment(sdk)) == SdkLayout(package, sdk / "agora_sdk", "2.4.9", "mock")


def test_a_folder_of_the_mock_without_the_layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sdk = sdk_folder(tmp_path / "sdk", "mock")
    (sdk / "agora").mkdir()
    monkeypatch.syspath_prepend(str(sdk))
    message = _refusal(TransportNotSetUp, sdk)
    assert message.endswith(f"; type: offhook mock agora-sdk --into {sdk}")
    assert "pip" not in message  # which would run the installer that the mock's SDK does without


@pytest.mark.parametrize("name", ["SENDBLUE_API_BASE_URL", "OFFHOOK_RELAY_URL"])
def test_nothing_is_here_and_the_call_is_to_a_mock(name: str) -> None:
    with pytest.raises(TransportNotSetUp, match=r"type: offhook mock agora-sdk --into DIR, and set OFFHOOK_AGORA_SDK"):
        find_sdk(Environment({name: "http://127.0.0.1:8080"}))


# A setting that names something else.


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "missing", tmp_path / "file"):
        assert f"fetch --into {path}" in _refusal(TransportNotSetUp, path)
    message = _refusal(TransportNotSetUp, tmp_path / "my sdk")
    assert f"fetch --into '{tmp_path / 'my sdk'}'" in message


def test_a_folder_for_the_mock_that_does_not_exist(tmp_path: Path) -> None:
    settings = {"OFFHOOK_AGORA_SDK": str(tmp_path / "sdk"), "SENDBLUE_API_BASE_URL": "http://127.0.0.1:8080"}
    with pytest.raises(TransportNotSetUp, match=r"type: offhook mock agora-sdk --into"):
        find_sdk(Environment(settings))


def test_the_folder_inside(tmp_path: Path) -> None:
    sdk = sdk_folder(tmp_path / "sdk")
    assert f"set it to '{sdk}'" in _refusal(TransportNotSetUp, sdk / "agora_sdk")


def test_a_folder_that_was_not_completed(tmp_path: Path) -> None:
    libraries(tmp_path / "sdk" / "agora_sdk")
    assert "was not completed" in _refusal(TransportNotSetUp, tmp_path / "sdk")


@pytest.mark.parametrize("value", ["$HOME/sdk", "~no-such-user/sdk", " /tmp", '"/tmp"'])
def test_a_value_that_cannot_be_a_path(value: str) -> None:
    _refusal(ConfigError, value)


def test_a_relative_path(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream(site)
    sdk_folder(tmp_path / "sdk")
    monkeypatch.chdir(tmp_path)
    assert find_sdk(_environment("sdk")).libraries == tmp_path / "sdk" / "agora_sdk"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "1",
        '{"format": 2, "kind": "agora"}',
        '{"format": 1, "kind": "other\\u001b"}',
        '{"kind": "agora"}',
        "[" * 20_000,
        '{"format": 1, "kind": "agora"}' + " " * 100_000,
    ],
)
def test_a_damaged_marker(tmp_path: Path, text: str) -> None:
    sdk = sdk_folder(tmp_path / "sdk")
    (sdk / "offhook-agora-sdk.json").write_text(text, "ascii")
    assert "offhook-agora-sdk.json" in _refusal(TransportNotSetUp, sdk)


def test_a_marker_that_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "sdk" / "offhook-agora-sdk.json").mkdir(parents=True)
    assert "cannot be read" in _refusal(TransportNotSetUp, tmp_path / "sdk")


def test_too_many_open_files_are_not_a_fault_of_the_folder(tmp_path: Path) -> None:
    sdk = sdk_folder(tmp_path / "sdk")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
    try:
        with pytest.raises(TransportUnavailable) as caught:
            read_marker(sdk)
        with pytest.raises(TransportUnavailable) as of_libraries:
            list(problems(sdk / "agora_sdk", HERE))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    for error in (caught.value, of_libraries.value):
        assert type(error) is TransportUnavailable
        assert "Too many open files; place fewer calls at once" in error.message


def test_a_marker_is_written_whole(tmp_path: Path) -> None:
    marker = Marker("agora", "2.4.10", ADDRESS, "0" * 64)
    write_marker(tmp_path, marker)
    write_marker(tmp_path, marker)
    assert read_marker(tmp_path) == marker
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["offhook-agora-sdk.json"]


def test_a_marker_with_other_types(tmp_path: Path) -> None:
    (tmp_path / "offhook-agora-sdk.json").write_text('{"format": 1, "kind": "agora", "sdk": 5, "new": 1}', "ascii")
    assert read_marker(tmp_path) == Marker("agora")


# The libraries.


@linux_only
@pytest.mark.trap("2.2a")
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "lacks "),
        (b"", "is empty"),
        (b"PK\x03\x04 zip", "is not a library (it begins with 'PK"),
        (b"\x7fELF\x01\x01\x01" + bytes(100), "32-bit"),
        (elf()[:200], "is truncated"),
        (elf()[:-1], "is truncated"),
        (elf(machine=243), "built for riscv64"),
        (elf(machine=999), "built for processor 999"),
    ],
)
def test_a_library_that_cannot_be_used(site: Path, tmp_path: Path, content: bytes | None, said: str) -> None:
    upstream(site)
    sdk = sdk_folder(tmp_path / "sdk")
    library = sdk / "agora_sdk" / HERE.main_library
    library.unlink()
    if content is not None:
        library.write_bytes(content)
    message = _refusal(TransportNotSetUp, sdk)
    assert HERE.main_library in message
    assert said in message
    assert message.endswith(f"type: offhook agora fetch --into {sdk}")


@linux_only
def test_the_remedy_for_a_library_of_the_mock(tmp_path: Path) -> None:
    sdk = sdk_folder(tmp_path / "sdk", "mock")
    upstream(sdk / "upstream")
    (sdk / "agora_sdk" / HERE.main_library).write_bytes(b"")
    assert _refusal(TransportNotSetUp, sdk).endswith(f"type: offhook mock agora-sdk --into {sdk}")


@linux_only
def test_a_library_that_is_a_pipe_or_a_folder(site: Path, tmp_path: Path) -> None:
    upstream(site)
    sdk = sdk_folder(tmp_path / "sdk")
    library = sdk / "agora_sdk" / HERE.main_library
    library.unlink()
    os.mkfifo(library)
    _refusal(TransportNotSetUp, sdk)
    library.unlink()
    library.mkdir()
    assert "cannot be read" in _refusal(TransportNotSetUp, sdk)
    library.rmdir()
    library.symlink_to("nowhere")
    assert "cannot be read" in _refusal(TransportNotSetUp, sdk)


def _texts(folder: Path, machine: Machine = LINUX, symbols: frozenset[str] = frozenset()) -> list[str]:
    return [problem.text for problem in problems(folder, machine, symbols)]


def test_a_good_folder(tmp_path: Path) -> None:
    assert not _texts(libraries(tmp_path / "sdk"), symbols=frozenset(SYMBOLS))


@pytest.mark.trap("2.2a")
def test_glibc_that_is_too_old(tmp_path: Path) -> None:
    folder = libraries(tmp_path / "sdk", main=elf(glibc=["GLIBC_2.4", "GLIBC_2.31", "GLIBC_PRIVATE", "GLIBC_2.32.1"]))
    (text,) = _texts(folder)
    assert "needs glibc 2.32, and this system has 2.31" in text


@pytest.mark.trap("2.3b")
def test_functions_that_are_missing(tmp_path: Path) -> None:
    folder = libraries(tmp_path / "sdk", main=elf(["agora_other"], undefined=SYMBOLS))
    (text,) = _texts(folder, symbols=frozenset(SYMBOLS))
    assert "lacks 3 of the 3 functions" in text


def test_each_library_is_looked_at(tmp_path: Path) -> None:
    folder = libraries(tmp_path / "sdk")
    (folder / "libagora-fdkaac.so").write_bytes(elf(machine=AARCH64))
    (folder / "notes.txt").write_bytes(b"")
    (text,) = _texts(folder)
    assert "libagora-fdkaac.so" in text


def test_libraries_for_macos_are_only_looked_for(tmp_path: Path) -> None:
    mac = Machine("darwin", "aarch64", None)
    folder = libraries(tmp_path / "sdk", main=b"Mach-O", machine=mac)
    assert not _texts(folder, mac, frozenset(SYMBOLS))
    (folder / mac.main_library).unlink()
    assert "libAgoraRtcKit.dylib" in _texts(folder, mac)[0]


def test_a_name_that_a_terminal_would_obey(tmp_path: Path) -> None:
    folder = libraries(tmp_path / "sdk")
    (folder / "\x1b[31m.so").write_bytes(b"x")
    (text,) = _texts(folder)
    assert text.isprintable()


@pytest.mark.parametrize("gnu_hash", [False, True])
def test_the_functions_of_a_library(tmp_path: Path, gnu_hash: bool) -> None:
    (tmp_path / "a.so").write_bytes(elf(gnu_hash=gnu_hash))
    library = Library.read(tmp_path / "a.so", symbols=True)
    assert library == Library("x86_64", (2, 17), frozenset(name.encode() for name in SYMBOLS))


def test_a_library_with_nothing_in_it(tmp_path: Path) -> None:
    for gnu_hash in (False, True):
        (tmp_path / "a.so").write_bytes(elf([], glibc=[], gnu_hash=gnu_hash))
        assert Library.read(tmp_path / "a.so", symbols=True) == Library("x86_64", None)


@linux_only
def test_a_real_library_is_read_as_a_loader_reads_it() -> None:
    import ctypes
    import importlib.util
    from pathlib import Path as File

    spec = importlib.util.find_spec("_ssl")
    assert spec
    if not (spec.origin or "").endswith(".so"):
        pytest.skip("this Python has no module in a library")
    assert spec.origin
    library = Library.read(File(spec.origin), symbols=True)
    assert library.processor == HERE.processor
    assert b"PyInit__ssl" in library.symbols
    assert ctypes.CDLL(spec.origin).PyInit__ssl is not None


def test_a_library_that_shrinks_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.so"
    path.write_bytes(elf())
    with path.open("rb") as file:
        opened = _Elf(file.fileno())
        os.truncate(path, 200)
        with pytest.raises(NotALibrary, match="is truncated"):
            list(opened.symbols())


def test_no_damage_to_a_library_is_more_than_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.so"
    for whole in (elf(), elf(gnu_hash=True)):
        for at in range(0, len(whole), 3):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ (0xFF, 0x80, 0x01)[at % 7 % 3]]) + whole[at + 1 :])
            with contextlib.suppress(NotALibrary):
                Library.read(path, symbols=True)
        for length in range(0, len(whole), 11):
            path.write_bytes(whole[:length])
            with pytest.raises(NotALibrary):
                Library.read(path, symbols=True)


# Upstream's layer, as text.


def test_what_a_package_says(site: Path) -> None:
    package = upstream(site, version="2.4.10", installer="uv")
    assert version_of(package) == "2.4.10"
    assert installer_of(package) == "uv"
    assert native_address(package, LINUX) == ADDRESS
    assert native_address(package, Machine("linux", "aarch64", None)) == ADDRESS.replace("linux", "arm")
    assert native_address(package, Machine("darwin", "aarch64", None)) == ADDRESS.replace("linux", "mac")
    assert records_address(package)
    assert bound_symbols(package) == set(SYMBOLS)


@pytest.mark.parametrize(
    "text",
    [
        "def (",
        "\0",
        "x = " + "(" * 5000,
        "def f():\n    url = 'https://a.example/'\na = agora_lib.agora_a\n#" + "-" * 2_000_000,
    ],
)
def test_a_package_that_cannot_be_read(site: Path, text: str) -> None:
    package = upstream(site)
    for path in package.rglob("*.py"):
        path.write_text(text, "utf-8")
    assert native_address(package, LINUX) == ""
    assert not bound_symbols(package)
    assert not records_address(package)


def test_a_package_without_metadata(tmp_path: Path) -> None:
    package = upstream(tmp_path)
    for path in tmp_path.glob("*.dist-info/*"):
        path.write_bytes(b"\xff\x1b")
    assert installer_of(package) == ""
    for path in tmp_path.glob("*.dist-info"):
        (path / "INSTALLER").unlink()
        path.rmdir()
    assert version_of(package) == installer_of(package) == ""


def test_marker_files_of_both_sides_have_one_format(tmp_path: Path) -> None:
    write_marker(tmp_path, Marker("mock", "2.4.10"))
    document = json.loads((tmp_path / "offhook-agora-sdk.json").read_text("ascii"))
    assert document["format"] == 1
    assert document["kind"] == "mock"
    assert document["sdk"] == "2.4.10"
