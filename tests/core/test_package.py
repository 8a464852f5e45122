"""The package as others meet it: what it exports, what it imports, and what is not importable."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests import public_names

import offhook
from offhook import testing

if TYPE_CHECKING:
    import pytest

SOURCES = [str(Path(offhook.__file__).parents[1])]


def python(code: str, cwd: Path) -> str:
    """What a new interpreter prints, started elsewhere with nothing of this repository but `core` on its path."""
    environment = {**os.environ, "PYTHONSAFEPATH": "1", "PYTHONPATH": os.pathsep.join(SOURCES)}
    environment.pop("COVERAGE_PROCESS_START", None)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_all_is_what_is_visible() -> None:
    public_names.check("offhook")


def test_importing_offhook_pulls_in_no_sdk(tmp_path: Path) -> None:
    heavy = (
        "sqlite3 platformdirs httpx typer rich av aiortc aioice numpy soxr soundfile starlette uvicorn websockets "
        "cryptography pytest"
    )
    load = "from offhook.plugin import Plugins; Plugins.load()"  # every phone does
    code = f"import sys, offhook; {load}; print(sorted(set({heavy.split()}) & set(sys.modules)))"
    assert python(code, tmp_path) == "[]"
    ours = "import sys, offhook; print(sorted({n.split('.')[0] for n in sys.modules if n.startswith('offhook')}))"
    assert python(ours, tmp_path) == "['offhook']"


def test_building_a_phone_pulls_in_no_sdk_either(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from offhook import Phone\n"
        "from offhook.testing import LinkedTransport, ScriptedCarrier\n"
        "Phone(carrier=ScriptedCarrier(), transport=LinkedTransport(),"
        " environment={'OFFHOOK_DISABLE_PLUGINS': 'sendblue,agora,aiortc,audio,jsonl,sqlite,mockserver'})\n"
        "print(sorted(set('sqlite3 platformdirs httpx typer av aiortc numpy starlette'.split()) & set(sys.modules)))"
    )
    assert python(code, tmp_path) == "[]"


def test_names_and_rooms_are_imported_on_first_use(tmp_path: Path) -> None:
    code = (
        "import sys, offhook; print([name for name in sys.modules if name in ('typing', 'asyncio', 'offhook.errors')])"
    )
    assert python(code, tmp_path) == "[]"
    assert set(offhook.__all__) <= set(dir(offhook))
    for room in ("errors", "secret", "session", "interfaces", "media", "plugin", "call", "records", "wording"):
        vars(offhook).pop(room, None)
        assert getattr(offhook, room) is sys.modules[f"offhook.{room}"]
        setattr(offhook, room, sys.modules[f"offhook.{room}"])


def test_the_folders_of_the_repository_are_not_packages(tmp_path: Path) -> None:
    code = "from importlib.util import find_spec; print([find_spec(n) for n in ('core', 'plugins', 'mockserver')])"
    assert python(code, tmp_path) == "[None, None, None]"


def test_no_module_of_offhook_looks_at_the_test_kit() -> None:
    root = Path(offhook.__file__).parent
    outside = [path for path in root.rglob("*.py") if "testing" not in path.parts and "cli" not in path.parts]
    takes = re.compile(r"^ *(from|import) offhook\.testing\b", re.MULTILINE)
    assert not [path.name for path in outside if takes.search(path.read_text())]


def test_a_phone_needs_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        monkeypatch.delenv(name)
    phone = offhook.Phone(carrier=testing.ScriptedCarrier(), transport=testing.LinkedTransport())
    assert phone.policy == offhook.CallPolicy()
