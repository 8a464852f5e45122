"""The import guard over what goes wrong: files that are missing, damaged, foreign, and an SDK that misbehaves."""

from __future__ import annotations

import shutil
import ssl
import sys
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
from tests.plugins.offhook_agora.sdk_stand_in import PACKAGE, forget_sdk, libraries

from offhook_agora.child import sdk
from offhook_agora.child.sdk import SdkUnusable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    """A copy of the stand-in, to be damaged."""
    copy = tmp_path / "agora"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    before = ssl._create_default_https_context
    finders = list(sys.meta_path)
    yield
    left = [name for name in sys.modules if name == "agora" or name.startswith("agora.")]
    forget_sdk()
    assert left in ([], ["agora"]), "a failed import leaves no module behind"
    assert sys.meta_path == finders
    assert ssl._create_default_https_context is before


def fails(package: Path, folder: Path) -> SdkUnusable:
    with pytest.raises(SdkUnusable) as caught:
        sdk.load(package, folder)
    return caught.value


def test_a_python_layer_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "rtc").mkdir()  # another package of the name agora
    error = fails(tmp_path, libraries(tmp_path / "lib"))
    assert error.code == "layer"
    assert error.text == (f"the Python layer of Agora's SDK is not in {tmp_path}. Run: offhook agora check")


@pytest.mark.trap("2.1a")
@pytest.mark.parametrize("name", ["libaosl.so", "libagora_rtc_sdk.so"])
@pytest.mark.skipif(sys.platform != "linux", reason="the libraries of Linux")
def test_a_library_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    folder = libraries(tmp_path / "lib")
    (folder / name).unlink()
    error = fails(PACKAGE, folder)
    assert error.code == "missing"
    assert error.text.startswith(f"{name}, a library of Agora's SDK, is not in {folder}")


@pytest.mark.trap("2.1c")
@pytest.mark.skipif(sys.platform != "linux", reason="the libraries of Linux")
def test_a_library_that_cannot_be_loaded_is_named_with_the_system_s_reason(tmp_path: Path) -> None:
    folder = libraries(tmp_path / "lib")
    (folder / "libaosl.so").unlink()
    (folder / "libaosl.so").write_bytes(b"\x7fELF, but cut off")
    error = fails(PACKAGE, folder)
    assert error.code == "library"
    assert "libaosl.so" in error.text
    assert error.text.endswith("Run: offhook agora check")


#: What upstream's `agora/rtc/__init__.py` does when the main library cannot be loaded.
EXITS = """
import sys
try:
    raise OSError("libagora_rtc_sdk.so: cannot open shared object file: No such file or directory")
except OSError as e:
    sys.exit(1)
"""


@pytest.mark.trap("2.1c", "2.3b")
@pytest.mark.parametrize(
    ("code", "kind", "says"),
    [
        (EXITS, "library", "cannot be loaded: libagora_rtc_sdk.so: cannot open shared object file"),
        ("import sys; sys.exit(1)", "library", "called sys.exit"),
        (
            "raise AttributeError('/x/libagora_rtc_sdk.so: undefined symbol: agora_rtc_conn_get_sid')",
            "symbol",
            "lack agora_rtc_conn_get_sid, which the Python layer",
        ),
        (
            "raise AttributeError('dlsym(0x7fff, agora_rtc_conn_get_sid): symbol not found')",
            "symbol",
            "lack agora_rtc_conn_get_sid, which the Python layer",
        ),
        ("raise OSError('/x/libaosl.so: wrong ELF class: ELFCLASS32')", "library", "wrong ELF class"),
        ("import a_module_that_is_not_there", "layer", "ModuleNotFoundError: No module named"),
        ("def ()", "layer", "SyntaxError"),
        ("1 / 0", "layer", "ZeroDivisionError"),
    ],
)
def test_an_import_that_fails_is_explained(layer: Path, tmp_path: Path, code: str, kind: str, says: str) -> None:
    (layer / "rtc" / "__init__.py").write_text(code, encoding="utf-8")
    error = fails(layer, libraries(tmp_path / "lib"))
    assert error.code == kind
    assert says in error.text
    assert error.text.endswith("Run: offhook agora check")


@pytest.mark.trap("2.2c")
def test_another_module_named_agora_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = ModuleType("agora")
    monkeypatch.setitem(sys.modules, "agora", other)
    error = fails(PACKAGE, libraries(tmp_path / "lib"))
    assert error.code == "occupied"
    assert "OFFHOOK_AGORA_PROCESS=inline" in error.text
    assert sys.modules["agora"] is other


@pytest.mark.trap("2.1b")
def test_the_parent_module_of_upstream_never_runs(layer: Path, tmp_path: Path) -> None:
    (layer / "__init__.py").write_text("raise SystemExit('it would download, and delete')", encoding="utf-8")
    folder = libraries(tmp_path / "lib")
    sdk.load(layer, folder)
    assert sys.modules["agora"].sdk_library_dir == str(folder)
    sdk.load(layer, folder)  # it is there already
    forget_sdk()


@pytest.mark.trap("2.1d")
def test_an_sdk_that_finds_another_way_to_turn_off_certificates_does_not_succeed(
    layer: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    code = "import sys\nssl = sys.modules['ssl']\nssl._create_default_https_context = ssl._create_unverified_context\n"
    module = layer / "rtc" / "agora_parameter.py"
    module.write_text(code, encoding="utf-8")
    sdk.load(layer, libraries(tmp_path / "lib"))
    assert "turned off the checking of certificates" in caplog.text
    forget_sdk()
