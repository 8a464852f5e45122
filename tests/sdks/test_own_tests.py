"""The tests that the SDK for Python has of its own, unmodified, against a lenient mock that any keys open.

They call every method of every resource with placeholders, sync and async, over httpx and aiohttp, in loose and strict
validation. Upstream they are skipped, because they need a mock.
"""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import sendblue_api
from tests.sdks.test_python import documented, nameless
from tests.sdks.threaded_mock import threaded_mock

HERE = Path(__file__).parent
VERSION = sendblue_api.__version__
#: What the conftest of those tests sends.
KEY = "My API Key"
RESOURCES = Path(sendblue_api.__file__).with_name("resources")
#: How a resource names the method and the path of a request.
REQUEST = re.compile(r'self\._(get|post|put|patch|delete)\(\s*(?:path_template\(\s*)?"(/[^"]+)"')
#: What a lenient mock answers.
ANSWERED = documented(lenient=False) | documented(lenient=True)


@pytest.fixture(scope="session")
def own_tests(pytestconfig: pytest.Config) -> Path:
    """The unpacked source archive of the installed version of the SDK. It is kept for the next run."""
    folder = Path(pytestconfig.cache.mkdir("sdks"))
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a worker of pytest may be here at the same time
        unpacked = folder / f"sendblue-{VERSION}"
        if not unpacked.is_dir():
            wanted = ("--no-deps", "--no-binary", "sendblue", f"sendblue=={VERSION}")
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(folder), *wanted]
            done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
            if done.returncode:
                pytest.skip(f"the source archive of the SDK cannot be had: {done.stderr.strip()[-500:]}")
            with tarfile.open(folder / f"sendblue-{VERSION}.tar.gz") as archive:
                archive.extractall(folder, filter="data")
        return unpacked


def pairs(*files: Path) -> set[str]:
    """``METHOD /path`` of every request that some files of the SDK can make, without the names of parameters."""
    found = (match for file in files for match in REQUEST.findall(file.read_text(encoding="utf-8")))
    return {nameless(f"{method.upper()} {path}") for method, path in found}


def resource_of(test: Path) -> Path:
    """The file of the SDK that a file of its tests is about; the argument is relative to the folder of the tests."""
    name = test.stem.removeprefix("test_")
    file = RESOURCES / test.parent / f"{name}.py"
    return file if file.exists() else RESOURCES / test.parent / name / f"{name}.py"


def test_a_lenient_mock_answers_every_request_of_the_sdk() -> None:
    asked = pairs(*RESOURCES.rglob("*.py"))
    assert len(asked) == 54
    assert asked <= ANSWERED


def test_every_method_of_every_resource(own_tests: Path) -> None:
    folder = own_tests / "tests/api_resources"
    tests = [
        file
        for file in sorted(folder.rglob("test_*.py"))
        if pairs(resource_of(file.relative_to(folder))) <= ANSWERED  # the test above wants all
    ]
    with threaded_mock(lenient=True, open_to_any_keys=True) as mock:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("SENDBLUE_", "PYTEST_"))},
            "TEST_API_BASE_URL": mock.url,
            "PYTHONPATH": str(HERE),
        }
        # A request that is refused with 5xx takes a second and a half, since the SDK sends it again.
        options = ("-q", "-n", "0", "--maxfail=10", "--no-header")
        plugins = ("-p", "no:cacheprovider", "-p", "no:schemathesis", "-p", "unskipped")
        command = [sys.executable, "-m", "pytest", *options, *plugins, *map(str, tests)]
        done = subprocess.run(command, cwd=own_tests, env=environment, capture_output=True, text=True, check=False)
        answered = mock.answered(KEY)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
    assert re.search(r"^\d+ passed in", done.stdout, re.MULTILINE), done.stdout[-2_000:]
    assert set(map(nameless, answered)) == pairs(*(resource_of(file.relative_to(folder)) for file in tests))
