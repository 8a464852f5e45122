"""What a test leaves behind fails it, in pytest runs of their own."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

TESTS = '''
import asyncio
import socket
import threading

import httpx
import pytest

KEPT = []


def ring(mock, number="+14155550123", path="/facetime/start-call"):
    headers = {"sb-api-key-id": mock.key_id, "sb-api-secret-key": mock.secret_key}
    body = {"phoneNumber": number, "fromNumber": mock.line}
    return httpx.post(mock.url + path, headers=headers, json=body)


def test_clean(offhook_mock):
    assert offhook_mock.callee("+14155550123").number == "+14155550123"


def test_call_up(offhook_mock):
    offhook_mock.callee().never_answers()
    ring(offhook_mock)


@pytest.mark.offhook(allow=["calls_up", "scripts_unfinished"])
def test_call_up_allowed(offhook_mock):
    offhook_mock.callee().never_answers()
    ring(offhook_mock)


def test_never_rung(offhook_mock):
    offhook_mock.callee("+14155550142").answers().hangs_up()


def test_unexpected(offhook_mock):
    ring(offhook_mock, path="/facetime/hang-up")


def test_thread(offhook_mock):
    stop = threading.Event()
    KEPT.append(stop)
    threading.Thread(target=stop.wait, name="left", daemon=True).start()


def test_socket(offhook_mock):
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    KEPT.append(made)


@pytest.mark.offhook(allow=["sockets"])
def test_socket_allowed(offhook_mock):
    KEPT.append(socket.socket())


async def forgetful():
    KEPT.append(asyncio.create_task(asyncio.sleep(3600), name="forgotten"))


def test_task(offhook_mock):
    offhook_mock.run(forgetful())


def test_failure_is_not_hidden(offhook_mock):
    offhook_mock.callee("+14155550142").answers().hangs_up()
    KEPT.append(socket.socket())
    assert 1 == 2


async def failing():
    raise ValueError("of the application")


def test_application_failed(offhook_mock):
    offhook_mock.start(failing())
    offhook_mock.sleep(0.05)


def teardown_module():
    for kept in KEPT:
        if isinstance(kept, threading.Event):
            kept.set()
        elif isinstance(kept, socket.socket):
            kept.close()
'''


def test_what_is_left_behind_fails_the_test_and_is_named(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:randomly", "--tb=short", "-rA")
    print(result.stdout.str())
    assert 0
