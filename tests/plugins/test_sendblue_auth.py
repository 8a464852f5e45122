"""Keys: where they come from, what a key may look like, and that none gets out by accident."""

from __future__ import annotations

import asyncio
import pickle
import traceback
from typing import TYPE_CHECKING

import httpx
import pytest

from offhook.errors import ConfigError
from offhook.interfaces.environment import Environment
from offhook.plugin.manager import Plugins
from offhook.secret import Secret
from offhook_sendblue import CallableAuth, EnvAuth, KeyAuth

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.interfaces import Auth

KEY, SECRET = "key-SENTINEL-1", "secret-SENTINEL-2"


def revealed(auth: Auth) -> dict[str, str]:
    return {name: value.reveal() for name, value in asyncio.run(auth.headers("api.sendblue.co")).items()}


HEADERS = {"sb-api-key-id": KEY, "sb-api-secret-key": SECRET}


def test_fixed_keys_become_the_two_documented_headers() -> None:
    assert revealed(KeyAuth(KEY, Secret(SECRET))) == HEADERS


@pytest.mark.parametrize("bad", ["", "two words", "line\n", "\tkey", "käse", "x" * 1025, "nul\0"])
def test_a_key_that_no_header_can_hold_is_rejected_and_not_shown(bad: str) -> None:
    with pytest.raises(ConfigError) as caught:
        KeyAuth(bad, SECRET)
    assert "API key" in caught.value.message
    assert len(bad) < 3 or bad not in caught.value.message


@pytest.mark.parametrize("bad", [None, 7, b"bytes"])
def test_a_key_that_is_not_text_is_rejected(bad: object) -> None:
    with pytest.raises(ConfigError, match="must be text"):
        KeyAuth(bad, SECRET)  # type: ignore[arg-type]  # what an untyped program may do


def test_the_environment_is_read_anew_for_each_request() -> None:
    environment = {"SENDBLUE_API_API_KEY": KEY, "SENDBLUE_API_API_SECRET": SECRET}
    auth = EnvAuth(environment)
    assert revealed(auth) == HEADERS
    environment["SENDBLUE_API_API_KEY"] = "rotated"
    assert revealed(auth)["sb-api-key-id"] == "rotated"


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({}, "SENDBLUE_API_API_KEY and SENDBLUE_API_API_SECRET are not set"),
        ({"SENDBLUE_API_API_KEY": KEY}, "SENDBLUE_API_API_SECRET is not set"),
        ({"SENDBLUE_API_API_KEY": "", "SENDBLUE_API_API_SECRET": SECRET}, "SENDBLUE_API_API_KEY is not set"),
    ],
)
def test_a_missing_variable_is_named_with_a_way_out(environment: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigError) as caught:
        revealed(EnvAuth(environment))
    assert caught.value.message.startswith(named)
    assert "offhook mock" in caught.value.message


def test_a_callable_may_rotate_keys_and_may_be_a_coroutine() -> None:
    pairs = iter([(KEY, SECRET), ("second", SECRET)])

    async def fetch() -> tuple[str, Secret]:
        await asyncio.sleep(0)
        return KEY, Secret(SECRET)

    auth = CallableAuth(lambda: next(pairs))
    assert revealed(auth) == HEADERS
    assert revealed(auth)["sb-api-key-id"] == "second"
    assert revealed(CallableAuth(fetch)) == HEADERS


def test_an_error_or_a_bad_value_of_a_callable_is_a_config_error() -> None:
    def vault() -> tuple[str, str]:
        raise RuntimeError(f"cannot parse {SECRET}")

    with pytest.raises(ConfigError) as caught:
        revealed(CallableAuth(vault))
    assert "RuntimeError" in caught.value.message
    assert SECRET not in caught.value.message
    for wrong in (None, (KEY,), "ab"):
        with pytest.raises(ConfigError):
            revealed(CallableAuth(lambda wrong=wrong: wrong))  # type: ignore[misc]  # what an untyped program may do


@pytest.mark.parametrize(
    "make",
    [
        lambda: EnvAuth({"SENDBLUE_API_API_KEY": f"{SECRET} x", "SENDBLUE_API_API_SECRET": SECRET}),
        lambda: CallableAuth(lambda: (f"{SECRET} x", SECRET)),
        lambda: CallableAuth(lambda: (KEY, SECRET, "third")),  # type: ignore[arg-type, return-value]
        lambda: CallableAuth(lambda: [SECRET, 1]),  # type: ignore[arg-type, return-value]
        lambda: CallableAuth(lambda: int(SECRET)),  # type: ignore[arg-type, return-value]
    ],
)
def test_no_frame_of_ours_holds_a_key_that_was_rejected(make: Callable[[], Auth]) -> None:
    auth = make()
    with pytest.raises(ConfigError) as caught:
        asyncio.run(auth.headers("host"))
    assert caught.value.__context__ is None
    frames = [frame for frame, _ in traceback.walk_tb(caught.tb) if "offhook_sendblue" in frame.f_code.co_filename]
    assert frames
    assert all(SECRET not in repr(value) for frame in frames for value in frame.f_locals.values())


def test_no_auth_shows_or_pickles_its_keys() -> None:
    auths = [KeyAuth(KEY, SECRET), EnvAuth({"SENDBLUE_API_API_KEY": KEY, "SENDBLUE_API_API_SECRET": SECRET})]
    for auth in auths:
        headers = asyncio.run(auth.headers("host"))
        assert SECRET not in repr(auth) + repr(headers) + f"{headers}"
        with pytest.raises(TypeError):
            pickle.dumps(headers["sb-api-secret-key"])


def test_both_are_found_through_the_entry_point() -> None:
    plugins = Plugins.load()
    environment = Environment(
        {
            "SENDBLUE_API_API_KEY": KEY,
            "SENDBLUE_API_API_SECRET": SECRET,
            "OFFHOOK_FROM_NUMBER": "+18885550199",
        },
        http=httpx.MockTransport(lambda request: httpx.Response(500)),  # the network is not asked
    )
    auth = plugins.auth.find("env")(environment)
    carrier = plugins.carriers.find("sendblue")(environment, auth)
    asyncio.run(carrier.check())
    assert carrier.endpoint is None


def test_keys_that_are_exported_and_not_read_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENDBLUE_API_API_KEY", KEY)
    monkeypatch.setenv("SENDBLUE_API_API_SECRET", SECRET)
    with pytest.raises(ConfigError) as caught:
        asyncio.run(EnvAuth({}).headers("api.sendblue.co"))
    assert caught.value.message == (
        "the Sendblue keys are missing: SENDBLUE_API_API_KEY, SENDBLUE_API_API_SECRET are set in this process's "
        "environment, but Phone() reads no environment: use Phone.from_env()"
    )
