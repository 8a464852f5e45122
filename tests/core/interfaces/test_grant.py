"""Which endpoints are this machine."""

from __future__ import annotations

import pytest

from offhook.interfaces.grant import is_loopback


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8080",
        "http://LOCALHOST",
        "http://localhost.:1/x",
        "http://127.0.0.1",
        "https://127.9.9.9:1",
        "http://[::1]:8080/a?b",
        "ws://user:pass@127.0.0.1/",
    ],
)
def test_loopback(url: str) -> None:
    assert is_loopback(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1",
        "http://",
        "http://api.sendblue.co",
        "http://localhost.evil.test",
        "http://127.0.0.1.evil.test",
        "http://127.0.0.1@evil.test",
        "http://0.0.0.0",
        "http://10.0.0.1",
        "http://2130706433",
        "http://0x7f.1",
        "http://127.1",
        "http://[::]",
        "http://[::1",
        "http://[nonsense]",
    ],
)
def test_everything_else_is_not(url: str) -> None:
    assert not is_loopback(url)
