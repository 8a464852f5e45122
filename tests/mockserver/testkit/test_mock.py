"""A mock without pytest, and what its handle and its callees answer, in both kinds of time."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from offhook import CallPolicy, Phone
from offhook.errors import CallStateError, ConfigError, NumberRejected, StartAmbiguous, WaitTimeout
from offhook_mockserver.server import NotSeen, ScriptError, TenantSettings
from offhook_mockserver.testkit import CalleeEnd, MockHandle, MockOptions, MomentCode, NotFinished, mock
from offhook_mockserver.testkit.leftovers import leftovers

if TYPE_CHECKING:
    from collections.abc import Iterator

NUMBER = "+14155550123"
OTHER = "+14155550105"  # answers, and echoes

both = pytest.mark.parametrize("virtual", [True, False], ids=["virtual", "real"])


@pytest.fixture
def offhook(virtual: bool) -> Iterator[MockHandle]:
    with mock(virtual=virtual) as handle:
        yield handle


async def bot(number: str = NUMBER, say: str = "tone:440,0.2", rings: int = 1) -> str:
    """Says something, once or several times in calls of their own, and hangs up."""
    disposition = ""
    for _ in range(rings):
        async with Phone.from_env() as phone, phone.dial(number) as call:
            if await call.answered():
                call.play(say)
                await call.hang_up(after="playout")
        disposition = str(call.record.disposition)
    return disposition


@both
def test_a_whole_call(offhook: MockHandle, virtual: bool) -> None:
    assert offhook.virtual is virtual
    callee = offhook.callee(NUMBER).answers().listens(until="speech")
    assert offhook.callee(NUMBER) is callee
    app = offhook.start(bot())
    assert callee.answered(10).finished(10).ended(10) is callee
    assert app.result(10) == "completed"
    (call,) = callee.calls
    assert offhook.calls == (call,)
    assert (call.over, call.answered, call.end, callee.end) == (True, True, *[CalleeEnd.CALLER_LEFT] * 2)
    assert callee.heard is callee.heard, "the answers of a call that is over stay"
    assert callee.heard.has_tone(440)
    assert callee.said.duration_s == pytest.approx(callee.heard.clip.duration_s, abs=0.1 if virtual else 1)
    assert callee.spoke_at_s is None
    assert callee.stopped_speaking_at_s is None
    assert callee.talk_over_s == 0
    assert not callee.response_times_s.callee
    assert [moment.code.value for moment in callee.history][:2] == ["ringing", "answered"]
    assert callee.at_s("answered") == callee.at_s(MomentCode.ANSWERED) == pytest.approx(0, abs=0 if virtual else 1)
    assert callee.at_s("ringing") is callee.at_s("beeped") is None
    with pytest.raises(ConfigError, match="beeped"):
        callee.at_s("beep")
    assert callee.unfinished == ()
    assert set(call.losses()) <= set(call.counters())
    if virtual:
        assert not call.losses()
        assert call.counters()["frames_heard"] >= 10
    assert offhook.journal.search(kind="call", number=NUMBER)[0] is offhook.journal.entries[0]
    assert offhook.export()["lines"] == (offhook.line,)


@both
def test_the_environment_leads_here_and_is_restored(virtual: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFHOOK_RELAY_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("SENDBLUE_API_API_KEY", "mine")
    before = dict(os.environ)
    options = MockOptions(environment={"ACME": "1"}, lines=("+18885550111",))
    with mock(virtual=virtual, options=options) as handle:
        assert handle.environment.items() <= os.environ.items()
        assert os.environ["ACME"] == "1"
        assert "OFFHOOK_RELAY_URL" not in os.environ
        assert handle.line == os.environ["OFFHOOK_FROM_NUMBER"] == "+18885550111"
        assert (handle.key_id, handle.secret_key) == (
            os.environ["SENDBLUE_API_API_KEY"],
            os.environ["SENDBLUE_API_API_SECRET"],
        )
        assert handle.secret_key not in repr(handle)
    assert dict(os.environ) == before


@both
def test_questions_before_the_call_say_so(offhook: MockHandle) -> None:
    callee = offhook.callee(NUMBER).answers(after_s=5)
    with pytest.raises(CallStateError, match=r"callee\.heard is about a call, and .* has not been called"):
        _ = callee.heard
    assert (callee.calls, callee.history, callee.audio()) == ((), (), None)
    assert callee.unfinished == ("rings for 5 s", "answers")
    with pytest.raises(NumberRejected):
        offhook.callee("12")
    with pytest.raises(ScriptError, match=r"test_mock\.py:\d+"):
        callee.says("nowhere.wav")
    app = offhook.start(bot())
    offhook.wait_for(kind="callee", text="ringing")
    with pytest.raises(CallStateError, match="has not answered the call"):
        _ = callee.heard
    app.cancel()


@both
def test_not_finished_says_in_which_step_and_what_was_heard(offhook: MockHandle) -> None:
    callee = offhook.callee(NUMBER).answers().listens(until="tone:1000").says("tone:600,1")
    offhook.start(bot(say="silence:0.1"))
    with pytest.raises(NotFinished) as failed:
        callee.finished(timeout_s=10)
    first = failed.value.message.splitlines()[0]
    # On a busy machine it hangs up so late that it is said to have been silent.
    assert re.fullmatch(
        rf"finished\(\): (the caller hung up \S+ s after the answer, before {re.escape(NUMBER)} had done its script"
        r"|the application did not reply to .*, and then the caller hung up \S+ s after the answer)",
        first,
    )
    assert "it waited in: step 2: listens until" in failed.value.message
    assert "not done: step 3: says tone:600,1" in failed.value.message
    assert re.search(r" 0\.\d\d  answered", failed.value.message)  # a busy machine notes it a little later
    assert "it received audio, but only silence" in failed.value.message
    assert "the application bot has ended" in failed.value.message
    assert failed.value.about_time


@both
def test_not_called_says_what_reached_the_mock(offhook: MockHandle) -> None:
    callee = offhook.callee(NUMBER).answers()
    with pytest.raises(NotFinished, match="no request has reached the mock"):
        callee.finished(timeout_s=0.02)
    offhook.start(bot(OTHER))
    with pytest.raises(NotFinished, match=rf"rung instead: {re.escape(OTHER)}\n"):
        callee.answered(timeout_s=10)


@pytest.mark.parametrize(
    ("number", "dialled", "said", "instead"),
    [
        (NUMBER, "+14155650123", NUMBER, "+1415•••0123"),
        (
            *("+14155650123", "+14155660123", "+1415•••0123"),
            "+1415•••0123 (another number: it differs in the masked digits)",
        ),
    ],
)
def test_a_misdialled_digit_shows_although_numbers_of_persons_are_masked(
    number: str, dialled: str, said: str, instead: str
) -> None:
    with mock(virtual=True) as handle:
        callee = handle.callee(number).answers()
        handle.start(bot(dialled))
        with pytest.raises(NotFinished) as failed:
            callee.finished(timeout_s=10)
        lines = failed.value.message.splitlines()
        assert lines[:2] == [f"finished(): {said} was not called within 10 s", f"  rung instead: {instead}"]
        (left,) = [found for found in leftovers(handle) if found.allowance == "scripts_unfinished"]
        assert f"no call rang the callee {said}, which has a script: the application called {instead}, " in left.what


@both
def test_an_application_that_raises_ends_the_wait_and_is_the_cause(offhook: MockHandle) -> None:
    async def failing() -> None:
        raise LookupError("the application's own")

    app = offhook.start(failing())
    with pytest.raises(NotFinished, match=r"the application .*failing raised LookupError") as failed:
        offhook.callee(NUMBER).answers().finished(timeout_s=1000)
    assert isinstance(failed.value.__cause__, LookupError)
    assert not failed.value.about_time
    assert offhook.failed_applications() == [app]
    with pytest.raises(LookupError):
        app.result()
    assert offhook.failed_applications() == []


@both
def test_applications_are_waited_for_and_cancelled(offhook: MockHandle) -> None:
    app = offhook.start(asyncio.sleep(3600, "late"))
    with pytest.raises(WaitTimeout, match=r"still runs after timeout_s=0\.01 s; it waits in"):
        app.result(timeout_s=0.01)
    app.cancel()
    with pytest.raises(CallStateError, match="was cancelled"):
        app.result(timeout_s=10)
    assert (app.done, app.error) == (True, None)
    assert offhook.run(asyncio.sleep(0, "soon")) == "soon"
    with pytest.raises(WaitTimeout):
        offhook.run(asyncio.sleep(3600), timeout_s=0.01)
    with pytest.raises(ConfigError, match=r"start\(\) must be a coroutine"):
        offhook.start(bot)  # type: ignore[arg-type]


@both
def test_dialled_twice_shows_in_the_calls(offhook: MockHandle) -> None:
    callee = offhook.callee(NUMBER).answers().listens()
    assert offhook.run(bot(rings=2)) == "completed"
    assert len(callee.calls) == 2
    assert [call.channel for call in callee.calls] == [
        entry.channel for entry in offhook.journal.search(kind="call", where={"event": "started"})
    ]


@both
def test_faults_are_used_from_the_test(offhook: MockHandle) -> None:
    with offhook.faults.lost_answer() as fault, pytest.raises(StartAmbiguous):
        offhook.run(bot())
    assert (fault.count, fault.active) == (1, False)
    assert offhook.journal.search(kind="fault")


@both
def test_the_clock_is_moved_from_the_test(offhook: MockHandle) -> None:
    before_s = offhook.clock.wall_s(), offhook.clock.monotonic_s()
    offhook.clock.advance(3600)
    assert offhook.clock.wall_s() - before_s[0] == pytest.approx(3600, abs=1)
    assert offhook.clock.monotonic_s() - before_s[1] == pytest.approx(3600, abs=1)
    offhook.clock.set_wall(2_000_000_000)
    assert offhook.clock.wall_s() == pytest.approx(2_000_000_000, abs=1)


@both
def test_the_journal_says_why_nothing_matched(offhook: MockHandle) -> None:
    with pytest.raises(NotSeen, match="The journal is empty"):
        offhook.wait_for(timeout_s=0.01, kind="request")
    offhook.run(bot(OTHER))
    assert offhook.wait_for(count=1, kind="request", text="start-call").number
    with pytest.raises(NotSeen, match="The nearest"):
        offhook.wait_for(timeout_s=0.01, kind="request", number=NUMBER)
    assert len(offhook.journal) == len(offhook.journal.entries)
    assert offhook.journal.dropped == 0


@both
def test_settings_are_the_tests_own(virtual: bool) -> None:
    shared = TenantSettings()
    with mock(virtual=virtual, options=MockOptions(settings=shared)) as handle:
        handle.settings.token_life_s = 60
        assert handle.tenant.settings.token_life_s == 60
    assert shared.token_life_s != 60


@both
def test_calls_that_are_left_are_hung_up(offhook: MockHandle) -> None:
    callee = offhook.callee(NUMBER).answers()
    offhook.start(bot(say="tone:440,3600"))
    callee.answered(10)
    assert not callee.calls[0].over
    with pytest.raises(NotFinished, match=r"still goes on after 0\.01 s"):
        callee.ended(timeout_s=0.01)
    offhook.hang_up_all()
    assert callee.calls[0].over


def test_a_phone_of_the_handle() -> None:
    async def main(phone: Phone) -> object:
        async with phone, phone.dial(NUMBER) as call:
            await call.answered()
        return call.record.disposition

    with mock(virtual=True) as handle:
        handle.callee(NUMBER).declines(after_s=1)
        phone = handle.phone(policy=CallPolicy(ring_timeout_s=5))
        assert phone.plugins is handle.plugins
        assert str(handle.run(main(phone))) == "no_answer"


@pytest.mark.slow
def test_an_application_in_another_process_in_real_time() -> None:
    program = (
        "import asyncio\nfrom offhook import Phone\n"
        "async def main():\n"
        "    async with Phone.from_env() as phone:\n"
        "        await phone.dry_run('+14155550123')\n"
        "asyncio.run(main())"
    )
    with mock() as handle:
        done = subprocess.run([sys.executable, "-c", program], env={**os.environ, **handle.environment}, check=False)
        assert done.returncode == 0


def test_a_verb_that_blocks_is_for_plain_functions() -> None:
    async def main(handle: MockHandle) -> None:
        for verb in (handle.callee().finished, handle.start(asyncio.sleep(0)).result):
            with pytest.raises(CallStateError, match="blocks, and an event loop runs on this thread"):
                verb()
        await handle.callee().answers().aanswered()

    with mock() as handle:
        handle.start(bot())
        asyncio.run(main(handle))


def test_in_virtual_time_a_coroutine_runs_on_the_loop_of_the_test() -> None:
    with mock(virtual=True) as handle:
        with pytest.raises(CallStateError, match="another loop runs here"):
            asyncio.run(handle.asleep(1))
        failed: list[str] = []

        def ask() -> None:
            try:
                _ = handle.calls
            except CallStateError as error:
                failed.append(error.message)

        assert handle.guard is not None
        with handle.runner.get_loop().hold() if handle.runner else pytest.fail("no runner"):  # type: ignore[attr-defined]
            thread = threading.Thread(target=ask)
            thread.start()
            thread.join()
        assert "cannot be used from another thread" in failed[0]


def test_the_seed_decides_keys_and_channels() -> None:
    def drawn(seed: int) -> tuple[str, str]:
        with mock(virtual=True, options=MockOptions(seed=seed)) as handle:
            assert handle.seed == seed
            handle.run(bot(OTHER))
            return handle.key_id, handle.calls[0].channel

    assert drawn(1) == drawn(1)
    assert not set(drawn(1)) & set(drawn(2))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", -1),
        ("lines", "+18885550111"),
        ("lines", ()),
        ("keep_audio_s", -1),
        ("keep_audio_s", 3601),
        ("timeout_s", 0),
        ("settings", 1),
        ("environment", {"ACME": 1}),
    ],
)
def test_wrong_options_are_refused(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=rf"{name} must be .*, got "):
        MockOptions(**{name: value})  # type: ignore[arg-type]


def test_an_invalid_line_is_refused_before_a_test_has_a_mock() -> None:
    with pytest.raises(NumberRejected, match=r"the line '5550111' is not an E\.164 number"):
        MockOptions(lines=("5550111",))


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ConfigError, match="virtual"), mock(virtual=1):  # type: ignore[arg-type]
        pass
    with pytest.raises(ConfigError, match="options"), mock(options={}):  # type: ignore[arg-type]
        pass
    with mock(virtual=True) as handle:
        with pytest.raises(ConfigError, match="seconds"):
            handle.sleep(-1)
        with pytest.raises(ConfigError, match=r"finished\(timeout_s\)"):
            handle.callee().finished(timeout_s=-1)


@pytest.mark.parametrize("virtual", [True])
def test_a_callee_that_never_answered_says_how_the_call_ended(offhook: MockHandle) -> None:
    callee = offhook.callee(NUMBER).declines(after_s=0.01)
    offhook.run(bot())
    with pytest.raises(CallStateError, match=r"never answered the call .* How the call ended: .*declined"):
        _ = callee.heard
