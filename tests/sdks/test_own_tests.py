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
from tests.sdks.threaded_mock import threaded_mock

HERE = Path(__file__).parent
VERSION = sendblue_api.__version__
#: What the conftest of those tests sends.
KEY = "My API Key"
#: The tests of every method: four for each, and one more where it has a parameter in the path.
LEAST = 1_000
#: How a resource names the method and the path of a request.
REQUEST = re.compile(r'self\._(get|post|put|patch|delete)\(\s*(?:path_template\(\s*)?"(/[^"]+)"')


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


def pairs() -> set[str]:
    """``METHOD /path`` of every request that the SDK can make."""
    resources = Path(sendblue_api.__file__).with_name("resources")
    texts = (file.read_text(encoding="utf-8") for file in resources.rglob("*.py"))
    return {f"{method.upper()} {path}" for text in texts for method, path in REQUEST.findall(text)}


def nameless(operations: set[str]) -> set[str]:
    """Operations without the names of their parameters, which differ."""
    return {re.sub(r"\{\w+\}", "{}", operation) for operation in operations}


def test_every_method_of_every_resource(own_tests: Path) -> None:
    with threaded_mock(lenient=True, open_to_any_keys=True) as mock:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("SENDBLUE_", "PYTEST_"))},
            "TEST_API_BASE_URL": mock.url,
            "PYTHONPATH": str(HERE),
        }
        plugins = ("-p", "no:cacheprovider", "-p", "no:schemathesis", "-p", "unskipped")
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-n",
            "0",
            "--maxfail=10",
            "--no-header",
            *plugins,
            "tests/api_resources",
        ]
        done = subprocess.run(command, cwd=own_tests, env=environment, capture_output=True, text=True, check=False)
        answered = mock.answered(KEY)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
    passed = re.search(r"(\d+) passed in", done.stdout)
    assert passed is not None, done.stdout[-2_000:]
    assert int(passed[1]) >= LEAST
    assert len(pairs()) == 54
    assert nameless(pairs()) <= nameless(answered)
