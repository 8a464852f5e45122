"""The hooks that decide: whether a call may be dialled, and where a fresh grant comes from."""

from __future__ import annotations

import asyncio
import contextlib
import re
from dataclasses import replace

import pytest
from tests.core.rig import NUMBER, load, now, run

from offhook import Secret, hookimpl
from offhook.errors import ConfigError, DialForbidden, OffhookError, PluginError
from offhook.interfaces.dialing import DialRequest
from offhook.interfaces.grant import Grant
from offhook.plugin.hooks import check_may_dial, renewed_grant

REQUEST = DialRequest("call_1", NUMBER, "a line", 1_795_000_000.0)
GRANT = Grant("0" * 32, "channel", Secret("007-the-first-token"), 7, None, 1000.0)


class Says:
    """Gives an answer at once, or later."""

    def __init__(self, answer: object, *, after_s: float | None = None) -> None:
        self._answer, self._after_s = answer, after_s
        self.asked: list[object] = []

    @hookimpl
    def offhook_before_dial(self, request: DialRequest) -> object:
        return self._give(request)

    @hookimpl
    def offhook_renew_grant(self, call_id: str, grant: Grant) -> object:
        return self._give((call_id, grant))

    def _give(self, asked: object) -> object:
        self.asked.append(asked)
        if self._after_s is not None:
            return self._later(self._after_s)
        if isinstance(self._answer, BaseException):
            raise self._answer
        return self._answer

    async def _later(self, after_s: float) -> object:
        await asyncio.sleep(after_s)
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


class SaysAsync:
    """Its hooks are coroutine functions."""

    @hookimpl
    async def offhook_before_dial(self, request: DialRequest) -> str | None:
        await asyncio.sleep(1)
        return "not on a Sunday"

    @hookimpl
    async def offhook_renew_grant(self, call_id: str, grant: Grant) -> Grant | None:
        await asyncio.sleep(1)
        return replace(grant, expires_at_s=2000.0)


def test_whoever_says_nothing_allows_it() -> None:
    first, second = Says(None), Says(None, after_s=9)
    run(check_may_dial(load(first, second), REQUEST))
    assert first.asked == second.asked == [REQUEST]
    assert NUMBER not in repr(REQUEST)
    assert "a line" not in repr(REQUEST)  # Sendblue's ends with the number to call from


@pytest.mark.parametrize(
    ("plugin", "problem"),
    [
        (Says("quiet hours"), "plugin 'Says-2 (given to the phone)' says 'quiet hours'"),
        (Says("quiet hours", after_s=9), "plugin 'Says-2 (given to the phone)' says 'quiet hours'"),
        (SaysAsync(), "plugin 'SaysAsync (given to the phone)' says 'not on a Sunday'"),
        (Says(""), "plugin 'Says-2 (given to the phone)' says ''"),
        (
            Says(KeyError("rules")),
            "could not be found out whether it may be: plugin 'Says-2 (given to the phone)' failed in offhook_before_",
        ),
        (Says(KeyError("rules"), after_s=1), "KeyError: 'rules'"),
        (Says(SystemExit(1)), "failed in offhook_before_dial: SystemExit: 1"),
        (Says(ConfigError("no list of numbers"), after_s=1), "no list of numbers"),
        (
            Says(False),
            "or why not as text (read: offhook docs hooks#offhook_before_dial)",
        ),
        (Says(None, after_s=11), "no answer within 10 s"),
        (Says(TimeoutError("theirs"), after_s=1), "TimeoutError: theirs"),
        (Says(asyncio.CancelledError()), "it was cancelled, and not by its caller"),
        (Says(f"{NUMBER} is not on the list"), "says '+1415•••0123 is not on the list'"),
        (Says(KeyError(NUMBER)), "KeyError: '+1415•••0123'"),
    ],
)
def test_it_fails_closed(plugin: object, problem: str) -> None:
    with pytest.raises(DialForbidden, match=re.escape(problem)) as caught:
        run(check_may_dial(load(Says(None), plugin), REQUEST))
    assert NUMBER not in str(caught.value)


def test_one_that_does_not_let_itself_be_cancelled_is_refused_in_time() -> None:
    class Stubborn:
        @hookimpl
        async def offhook_before_dial(self, request: DialRequest) -> str | None:
            for _ in range(3):
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(30)
            return None

    async def main() -> None:
        with pytest.raises(DialForbidden, match="no answer within 10 s"):
            await check_may_dial(load(Stubborn()), REQUEST)
        assert now() == pytest.approx(10.25, abs=0.3)
        await asyncio.sleep(100)

    run(main())


def test_the_first_grant_is_taken_and_failures_are_passed_over() -> None:
    async def main() -> None:
        noted: list[OffhookError] = []
        fresh = replace(GRANT, token=Secret("007-the-second"), expires_at_s=2000.0)
        other = replace(GRANT, channel="another")
        last = Says(fresh)
        plugins = load(
            Says(None), Says(KeyError("x")), Says(other), Says("a token"), Says(GRANT), Says(fresh, after_s=11), last
        )
        assert await renewed_grant(plugins, "call_1", GRANT, noted.append) is fresh
        assert now() == pytest.approx(10, abs=0.3)
        assert last.asked == [("call_1", GRANT)]
        assert [
            error.message.split("failed in ")[1].partition(" (read: ")[0]
            for error in noted
            if isinstance(error, PluginError)
        ] == [
            "offhook_renew_grant: KeyError: 'x' (test_hooks.py:43)",
            "offhook_renew_grant: gave a grant for another channel",
            "offhook_renew_grant: gave str, not a Grant or None",
            "offhook_renew_grant: gave a grant that ends no later than the one in use: give one with a new token",
            "offhook_renew_grant: no answer within 10 s",
        ]

    run(main())


def test_a_hook_may_be_a_coroutine_function() -> None:
    fresh = run(renewed_grant(load(SaysAsync()), "call_1", GRANT, lambda error: None))
    assert fresh.expires_at_s == 2000


def test_without_any_grant_there_is_an_error() -> None:
    with pytest.raises(OffhookError, match="no plugin has a fresh grant"):
        run(renewed_grant(load(Says(None)), "call_1", GRANT, lambda error: None))
