"""Where keys may be sent."""

from __future__ import annotations

import pytest

from offhook.errors import ConfigError
from offhook_sendblue.baseurl import checked


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://api.sendblue.co", "https://api.sendblue.co"),
        ("https://api.sendblue.co/", "https://api.sendblue.co"),
        ("https://proxy.example:8443/sendblue/", "https://proxy.example:8443/sendblue"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_https_and_this_machine_are_accepted(url: str, kept: str) -> None:
    assert checked(url, "the base URL") == kept


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.sendblue.co",
        "ftp://api.sendblue.co",
        "http://api.sendblue.co",
        "http://127.0.0.1.evil.example",
        "http://127.0.0.1@evil.example",
        "http://127.0.0.1\\@evil.example",
        "http://2130706433",
        "https://user:SENTINEL@api.sendblue.co",
        "https://api.sendblue.co?key=SENTINEL",
        "https://api.sendblue.co#x",
        "https://",
        "https://api.sendblue.co:99999",
        "https://api.sendblue.co:port",
        "https://api sendblue.co",
        "https://api.sendblue.co\n",
        "https://[::1",
    ],
)
def test_other_urls_are_rejected_without_showing_a_password(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        checked(url, "the base URL")
    assert caught.value.message.startswith("the base URL")
    assert "SENTINEL" not in caught.value.message
