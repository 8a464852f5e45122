"""The SDK for JavaScript with node's own test runner: each file of `js` is one test here."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.sdks.test_python import answered, documented

if TYPE_CHECKING:
    from offhook_mockserver.testkit import MockHandle

JS = Path(__file__).parent / "js"


@pytest.fixture(scope="module")
def node() -> str:
    found = shutil.which("node")
    if found is None:
        pytest.skip("node is not on this machine")
    if not (JS / "node_modules/sendblue").is_dir():
        pytest.skip("the SDK for JavaScript is not installed: `nox -s sdks` does it")
    return found


def run(node: str, file: str, mock: MockHandle) -> None:
    environment = {"PATH": os.environ["PATH"], **mock.environment}
    command = [node, "--test", "--test-reporter=tap", file]
    done = subprocess.run(command, cwd=JS, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# Nothing listens at the URLs of its webhooks, and a message may change its status while they are registered.
@pytest.mark.offhook(allow=["calls_up", "webhooks_undelivered"])
def test_every_operation(offhook_mock: MockHandle, node: str) -> None:
    run(node, "operations.test.mjs", offhook_mock)
    assert answered(offhook_mock) >= documented(lenient=False)


@pytest.mark.offhook(allow=["calls_up", "called_again"])
def test_start_call(offhook_mock: MockHandle, node: str) -> None:
    faults = offhook_mock.faults
    faults.retry_after(0, to="+14155550101", times=1)
    busy = faults.status(503, to="+14155550102")
    lost = faults.lost_answer(to="+14155550103")
    once = faults.lost_answer(to="+14155550104")
    for status in (400, 401, 402, 403, 404, 409, 422, 429, 500):
        faults.status(status, to=f"+14155550{status}")
    run(node, "start-call.test.mjs", offhook_mock)
    assert (busy.count, lost.count, once.count) == (3, 3, 1)
    rung = [call.number for call in offhook_mock.calls]
    assert sorted(rung) == ["+14155550101", *["+14155550103"] * 3, "+14155550104"]
