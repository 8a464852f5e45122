"""Where `OFFHOOK_ONLY_LOOPBACK` is set, as in every run of pytest, no phone leaves this machine."""

from __future__ import annotations

import asyncio
import sys

import httpx
import pytest

from offhook import Phone
from offhook.errors import ConfigError
from offhook.interfaces import DialRequest
from offhook.testing import LinkedTransport
from offhook_sendblue import KeyAuth, SendblueCarrier

NUMBER = "+14155550123"
URL = "https://api.invalid"


def carrier(base_url: str = URL, http: httpx.AsyncBaseTransport | None = None) -> SendblueCarrier:
    keys = KeyAuth("a-key", "a-secret")
    return SendblueCarrier(keys, from_number="+18885550199", base_url=base_url, http=http)


def test_the_plugin_of_the_mock_sets_it_for_this_run() -> None:
    async def main() -> None:
        with pytest.raises(ConfigError, match="Take the fixture offhook_mock") as refused:
            await carrier().check()
        assert URL in refused.value.message
        assert "--offhook-live" in refused.value.message
        with pytest.raises(ConfigError, match="OFFHOOK_ONLY_LOOPBACK"):
            await carrier().start_call(DialRequest("call_1", NUMBER))
        with pytest.raises(ConfigError, match="OFFHOOK_ONLY_LOOPBACK"):
            await carrier(http=httpx.AsyncHTTPTransport()).check()

    asyncio.run(main())


def test_settings_of_the_programs_own_do_not_get_around_it() -> None:
    settings = {
        "SENDBLUE_API_BASE_URL": URL,
        "SENDBLUE_API_API_KEY": "a-key",
        "SENDBLUE_API_API_SECRET": "a-secret",
        "OFFHOOK_FROM_NUMBER": "+18885550199",
        "OFFHOOK_ONLY_LOOPBACK": "",
    }

    async def main() -> None:
        async with Phone.from_env(settings, transport=LinkedTransport(), store=None) as phone:
            with pytest.raises(ConfigError, match="OFFHOOK_ONLY_LOOPBACK"):
                async with phone.dial(NUMBER):
                    pass

    asyncio.run(main())


@pytest.mark.parametrize("missing", ["OFFHOOK_FROM_NUMBER", "SENDBLUE_API_API_KEY", "SENDBLUE_API_API_SECRET"])
def test_a_setting_that_is_missing_alone_names_the_fixture_and_what_another_process_needs(missing: str) -> None:
    settings = {
        "SENDBLUE_API_BASE_URL": "http://127.0.0.1:9",
        "SENDBLUE_API_API_KEY": "a-key",
        "SENDBLUE_API_API_SECRET": "a-secret",
        "OFFHOOK_FROM_NUMBER": "+18885550199",
    }
    del settings[missing]

    async def main() -> None:
        async with Phone.from_env(settings, transport=LinkedTransport(), store=None) as phone:
            with pytest.raises(ConfigError, match=missing) as refused:
                async with phone.dial(NUMBER):
                    pass
        assert "; in a test, take the fixture offhook_mock, which sets it" in refused.value.message
        assert "env={**os.environ, **offhook_mock.environment}" in refused.value.message

    asyncio.run(main())


def test_this_machine_and_the_doubles_of_a_test_are_reached() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(401)

    async def main() -> None:
        double = carrier(http=httpx.MockTransport(answer))
        await double.check()
        with pytest.raises(Exception, match="key"):
            await double.start_call(DialRequest("call_1", NUMBER))
        await carrier("http://127.0.0.1:9").check()

    asyncio.run(main())


def test_without_it_the_network_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OFFHOOK_ONLY_LOOPBACK")
    monkeypatch.delitem(sys._xoptions, "offhook_only_loopback")

    async def main() -> None:
        with pytest.raises(Exception, match=r"nothing answers at https://api\.invalid"):
            await carrier().check()

    asyncio.run(main())
