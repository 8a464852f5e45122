"""The hooks of a call: two that decide, three that observe."""

from __future__ import annotations

import asyncio
import contextlib
import re
from dataclasses import replace

import pytest
from tests.core.rig import NUMBER, load, now, run

from offhook import CallRecord, CallState, LegState, Secret, TimelineEntry, hookimpl
from offhook.errors import ConfigError, DialForbidden, OffhookError, PluginError
from offhook.interfaces.dialing import DialRequest
from offhook.interfaces.grant import Grant

REQUEST = DialRequest("call_1", NUMBER, "a line", 1_795_000_000.0)
GRANT = Grant("0" * 32, "channel", Secret("007-the-first-token"), 7, None, 1000.0)


class Says:
    """Returns an answer at once, or later."""

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


def test_a_plugin_that_returns_none_allows_the_call() -> None:
    first, second = Says(None), Says(None, after_s=9)
    run(load(first, second).hooks.before_dial(REQUEST))
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
            "a plugin failed to decide whether it may be: plugin 'Says-2 (given to the phone)' failed in offhook_",
        ),
        (Says(KeyError("rules"), after_s=1), "KeyError: 'rules'"),
        (Says(SystemExit(1)), "failed in offhook_before_dial: SystemExit: 1"),
        (Says(ConfigError("no list of numbers"), after_s=1), "no list of numbers"),
        (
            Says(False),
            "or text to refuse it (read: offhook docs hooks#offhook_before_dial)",
        ),
        (Says(None, after_s=11), "no answer within 10 s"),
        (Says(TimeoutError("theirs"), after_s=1), "TimeoutError: theirs"),
        (Says(asyncio.CancelledError()), "raised CancelledError, although its caller did not cancel it"),
        (Says(f"{NUMBER} is not on the list"), "says '+1415•••0123 is not on the list'"),
        (Says(KeyError(NUMBER)), "KeyError: '+1415•••0123'"),
    ],
)
def test_it_fails_closed(plugin: object, problem: str) -> None:
    with pytest.raises(DialForbidden, match=re.escape(problem)) as caught:
        run(load(Says(None), plugin).hooks.before_dial(REQUEST))
    assert NUMBER not in str(caught.value)


def test_the_line_to_call_from_is_masked_in_what_plugins_say() -> None:
    line = "+14155550124"
    request = replace(REQUEST, from_number=line)
    with pytest.raises(DialForbidden, match=r"says '\+1415•••0124 may not call \+1415•••0123'"):
        run(load(Says(f"{line} may not call {NUMBER}")).hooks.before_dial(request))


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
            await load(Stubborn()).hooks.before_dial(REQUEST)
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
        assert await plugins.hooks.renew_grant("call_1", GRANT, noted.append) is fresh
        assert now() == pytest.approx(10, abs=0.3)
        assert last.asked == [("call_1", GRANT)]
        assert [
            error.message.split("failed in ")[1].partition(" (read: ")[0]
            for error in noted
            if isinstance(error, PluginError)
        ] == [
            "offhook_renew_grant: KeyError: 'x' (test_hooks.py:42)",
            "offhook_renew_grant: returned a grant for another channel; keep the call's channel",
            "offhook_renew_grant: returned str; return a Grant or None",
            "offhook_renew_grant: returned a grant that expires no later than the one in use; return one with a new "
            "token",
            "offhook_renew_grant: no answer within 10 s",
        ]

    run(main())


def test_a_hook_may_be_a_coroutine_function() -> None:
    fresh = run(load(SaysAsync()).hooks.renew_grant("call_1", GRANT, lambda error: None))
    assert fresh.expires_at_s == 2000


def test_without_any_grant_there_is_an_error() -> None:
    with pytest.raises(OffhookError, match="no plugin returned a fresh grant"):
        run(load(Says(None)).hooks.renew_grant("call_1", GRANT, lambda error: None))


def test_whether_any_plugin_renews_grants() -> None:
    assert load(Says(None)).hooks.can_renew
    assert not load(Observes([])).hooks.can_renew


class Observes:
    """Keeps what each observer hook is called with, and then raises."""

    def __init__(self, seen: list[object], error: BaseException | None = None) -> None:
        self._seen, self._error = seen, error

    @hookimpl
    def offhook_call_created(self, call_id: str, number: str) -> None:
        self._see(call_id, number)

    @hookimpl
    def offhook_call_transition(self, call_id: str, entry: TimelineEntry) -> None:
        self._see(call_id, entry)

    @hookimpl
    def offhook_call_ended(self, call_id: str, record: CallRecord) -> None:
        self._see(call_id, record)

    def _see(self, *facts: object) -> None:
        self._seen.append(facts)
        if self._error is not None:
            raise self._error


def test_every_observer_is_called_and_failures_are_reported() -> None:
    first: list[object] = []
    second: list[object] = []
    failed: list[OffhookError] = []
    hooks = load(Observes(first, SystemExit(1)), Observes(second)).hooks
    entry, record = TimelineEntry(0.0, "x", CallState.ACTIVE, LegState.CONNECTED), CallRecord("call_1", "", "")
    hooks.call_created("call_1", "+1415•••0123", failed.append)
    hooks.call_transition("call_1", entry, failed.append)
    hooks.call_ended("call_1", record, failed.append)
    assert first == second == [("call_1", "+1415•••0123"), ("call_1", entry), ("call_1", record)]
    assert [error.message.partition(" (test_hooks")[0] for error in failed] == [
        f"plugin 'Observes (given to the phone)' failed in offhook_call_{what}: SystemExit: 1"
        for what in ("created", "transition", "ended")
    ]


def test_an_observer_must_not_return_a_coroutine() -> None:
    class Later:
        @hookimpl
        def offhook_call_created(self) -> object:
            return asyncio.sleep(0)

    failed: list[OffhookError] = []
    load(Later()).hooks.call_created("call_1", "", failed.append)
    assert [error.message for error in failed] == [
        "plugin 'Later (given to the phone)' failed in offhook_call_created: returned a coroutine; this hook is a "
        "plain function, called on the loop (read: offhook docs hooks#offhook_call_created)"
    ]


def test_the_order_of_every_hook_is_known() -> None:
    order = load(Observes([]), Says(None), Observes([])).hooks.order()
    assert order["offhook_call_ended"] == ["Observes (given to the phone)", "Observes-2 (given to the phone)"]
    assert order["offhook_before_dial"] == ["Says (given to the phone)"]
    assert order["offhook_auth"] == []
