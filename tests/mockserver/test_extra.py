"""Without the packages of the extra, the mock's faces say what to install."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

#: Runs in a process of its own: in this one, the mock is imported already.
LOOK = """
import importlib, json, sys

sys.modules[sys.argv[1]] = None
said = {}
for face in ("server", "testkit", "far_ends"):
    module = importlib.import_module(f"offhook_mockserver.{face}")
    for name in module.__all__:
        try:
            getattr(module, name)
        except Exception as error:
            said[f"{face}.{name}"] = [type(error).__name__, str(error), list(getattr(error, "missing", ()))]
print(json.dumps(said))
"""


@pytest.mark.parametrize(
    ("package", "names"),
    [
        ("starlette", {"testkit.mock", "server.MockServer", "server.InProcessMock", "far_ends.SendblueFarEnd"}),
        ("uvicorn", {"testkit.mock", "server.MockServer", "far_ends.PcmFarEnd"}),
        ("aiortc", {"far_ends.RelayFarEnd"}),
    ],
)
def test_a_name_that_needs_a_missing_package_says_what_to_install(package: str, names: set[str]) -> None:
    done = subprocess.run([sys.executable, "-c", LOOK, package], capture_output=True, text=True, check=True)
    said: dict[str, list[object]] = json.loads(done.stdout)
    assert names <= said.keys()
    for name, (kind, message, missing) in said.items():
        assert kind == "MissingExtraError"
        what = f"offhook_mockserver.{name} needs a part of offhook that is not installed"
        assert message == f'{what}: pip install "offhook[mock]"'
        assert missing == [package]
    for name in ("server.CLIPS", "server.Script", "server.load_scripts", "testkit.MockOptions"):
        assert name not in said, "it does not need the package"


def test_a_module_that_is_missing_for_another_reason_is_named() -> None:
    hide = "import sys; sys.modules['offhook_mockserver.tenants.entry'] = sys.modules['starlette'] = None"
    look = f"{hide}; from offhook_mockserver.server import Entry"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1].startswith("ModuleNotFoundError: import of offhook_mockserver.tenants.entry")
