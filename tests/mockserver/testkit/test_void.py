"""Runs in which the mock's loop stood still: repeated, then void, and never the application's failure."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

TESTS = '''
import time

import httpx
import pytest

RUNS = []


def ring(mock):
    headers = {"sb-api-key-id": mock.key_id, "sb-api-secret-key": mock.secret_key}
    body = {"phoneNumber": "+14155550123", "fromNumber": mock.line}
    httpx.post(mock.url + "/facetime/start-call", headers=headers, json=body).raise_for_status()


def story(mock, blocked):
    callee = mock.callee("+14155550123").answers().waits(0.2 if blocked else 0.0)
    ring(mock)
    callee.answered()
    if blocked:
        mock.on_loop(lambda: time.sleep(0.05))
    callee.finished(timeout_s=0.1)


@pytest.mark.offhook(allow=["calls_up", "scripts_unfinished"])
def test_always_blocked(offhook_mock):
    RUNS.append("always")
    story(offhook_mock, blocked=True)


@pytest.mark.offhook(allow=["calls_up", "scripts_unfinished"])
def test_blocked_once(offhook_mock):
    RUNS.append("once")
    story(offhook_mock, blocked=RUNS.count("once") == 1)


@pytest.mark.offhook(allow=["calls_up", "scripts_unfinished"])
def test_of_something_else(offhook_mock):
    RUNS.append("else")
    ring(offhook_mock)
    offhook_mock.on_loop(lambda: time.sleep(0.05))
    assert RUNS == []


def test_runs():
    assert sorted(set(RUNS)) == ["always", "else", "once"]
    assert [RUNS.count(name) for name in ("always", "once", "else")] == [3, 2, 1]
'''


def test_all(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "--tb=short")
    print(result.stdout.str(), result.ret)
    assert 0
