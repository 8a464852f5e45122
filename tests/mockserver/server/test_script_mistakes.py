"""A mistake in the function that returns scripts is reported as that, where the call is dialled, and nothing rings."""

from __future__ import annotations

import asyncio
import inspect
import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offhook import CallPolicy, Phone
from offhook.errors import ConfigError, RequestRejected
from offhook.testing import Ids, LoopClock, run_virtual
from offhook_mockserver.server import (
    Answer,
    CallEvent,
    Decline,
    HangUp,
    InProcessMock,
    ListenFor,
    MockServer,
    NetworkFault,
    Ring,
    Say,
    Script,
    ScriptError,
    Wait,
)

if TYPE_CHECKING:
    from collections.abc import Callable

NUMBER = "+14155550190"
HERE = Path(__file__).relative_to(Path.cwd())


def line(function: Callable[..., object], more: int = 0) -> str:
    return f"{HERE}:{inspect.getsourcelines(function)[1] + more} in {function.__qualname__}"


def raises(number: str) -> Script:
    return {"+1": Script("", ())}[number]


def is_cancelled(number: str) -> Script:
    raise asyncio.CancelledError


def fails_the_test(number: str) -> Script:
    pytest.fail("no call was expected")


def exits(number: str) -> Script:
    raise SystemExit(1)


def builds_badly(number: str) -> Script:
    return Script("talks first", (Say("hello.wav"), Answer()))


def returns_none(number: str) -> Script:
    return None  # type: ignore[return-value]


def returns_steps(number: str) -> Script:
    return (Answer(),)  # type: ignore[return-value]


async def is_async(number: str) -> Script:
    return Script("answers", (Answer(),))


def returns_a_coroutine(number: str) -> Script:
    return is_async(number)  # type: ignore[return-value]


def names_no_file(number: str) -> Script:
    return Script("says", (Answer(), Say("nowhere.wav")))


class Scripts:
    def __call__(self, number: str) -> None:
        return None


MISTAKES = [
    (raises, "raised KeyError: '+1415•••0190'", line(raises, 1)),
    (is_cancelled, "raised CancelledError", line(is_cancelled, 1)),
    (fails_the_test, "raised Failed: no call was expected", line(fails_the_test, 1)),
    (exits, "raised SystemExit: 1", line(exits, 1)),
    (builds_badly, "raised ConfigError: step 1 of the script, Say, cannot come before Answer", line(builds_badly, 1)),
    (returns_none, "returned NoneType; expected a Script", line(returns_none)),
    (returns_steps, "returned tuple; expected a Script", line(returns_steps)),
    (returns_a_coroutine, "returned coroutine; expected a Script", line(returns_a_coroutine)),
    (names_no_file, r"returned a script with Say('nowhere.wav'), a file that does not exist", line(names_no_file)),
    (Scripts(), "returned NoneType; expected a Script", line(Scripts.__call__)),
    (partial(print, end=""), "returned NoneType; expected a Script", ""),
]


@pytest.mark.parametrize(("script_for", "says", "where"), MISTAKES)
def test_a_mistake_is_raised_where_the_call_is_dialled(
    script_for: Callable[[str], Script], says: str, where: str
) -> None:
    async def main() -> None:
        async with InProcessMock(clock=LoopClock(), ids=Ids(1), script_for=script_for) as mock, mock.phone() as phone:
            for _ in range(2):  # nothing rang, so the number is not guarded
                call = phone.dial(NUMBER)
                with pytest.raises(ScriptError) as raised:
                    await call.__aenter__()
                end = f" ({where})" if where else ""
                assert raised.value.message == f"script_for('+1415•••0190') of the mock {says}{end}"
                assert call.record.rang == "no"
            assert not mock.tenant.calls

    run_virtual(main())


def test_the_cause_keeps_its_traceback() -> None:
    async def main() -> BaseException | None:
        async with InProcessMock(clock=LoopClock(), ids=Ids(1), script_for=raises) as mock, mock.phone() as phone:
            with pytest.raises(ScriptError) as raised:
                await phone.dial(NUMBER).__aenter__()
            return raised.value.__cause__

    cause = run_virtual(main())
    assert isinstance(cause, KeyError)
    assert cause.__traceback__ is not None


def test_behind_a_socket_it_is_a_refusal_after_which_nothing_rang(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with MockServer(script_for=returns_none) as server:
            phone = Phone.from_env(server.environment, policy=CallPolicy())
            async with phone:
                call = phone.dial(NUMBER)
                with pytest.raises(RequestRejected, match=r"HTTP 422.*returned NoneType; expected a Script") as raised:
                    await call.__aenter__()
                assert not raised.value.may_have_rung
                assert call.record.rang == "no"

    asyncio.run(main())
    assert "returned NoneType; expected a Script" in caplog.text


def test_a_network_that_loses_the_answer_does_not_lose_the_mistake() -> None:
    async def main() -> None:
        async with InProcessMock(clock=LoopClock(), ids=Ids(1), script_for=raises) as mock:
            http = mock.http()
            async with mock.phone(http=http) as phone:
                with http.fault(NetworkFault(lose_answer=True)), pytest.raises(ScriptError):
                    await phone.dial(NUMBER).__aenter__()

    run_virtual(main())


def test_a_file_is_named_by_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from offhook_mockserver.callees.numbers import HELLO

    shutil.copy(HELLO, tmp_path / "x.wav")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Say("~/x.wav").path == tmp_path / "x.wav"
    assert Say("x.wav", 1.5) == Say(Path("x.wav"), duration_s=1.5)
    heard: list[str] = []

    def watch(event: CallEvent) -> None:
        heard.append(event.what)
        raise ValueError("of the test's own")

    async def main() -> None:
        script = Script("says x and goes", [Answer(), Say("x.wav"), HangUp()])
        async with (
            InProcessMock(clock=LoopClock(), ids=Ids(1), script_for=lambda number: script, on_event=watch) as mock,
            mock.phone() as phone,
            phone.dial(NUMBER) as call,
        ):
            assert await call.answered()
            await call.ended()

    run_virtual(main())
    assert "callee says x.wav" in heard


@pytest.mark.parametrize(
    ("kind", "arguments", "says"),
    [
        (Script, ((Answer(),), "answers"), r"Script\(summary\) must be text, got tuple"),
        (Script, ("x", Answer()), r"Script\(steps\) must be a tuple of steps, got Answer"),
        (
            Script,
            ("x", (Answer,)),
            r"step 1 of the script must be .* got the class Answer.* Write Answer\(...\)",
        ),
        (Script, ("x", (Answer(), "Echo")), "step 2 of the script must be a step, such as"),
        (Script, ("x", (Answer(), Answer())), "cannot come after Answer"),
        (Script, ("x", (Decline(), Answer())), "Answer, is never reached: Decline ends the script"),
        (Ring, ("1",), r"Ring\(duration_s\) must be a finite number of seconds, 0 or more, got '1'"),
        (Wait, (-1,), r"Wait\(duration_s\) must be a finite number"),
        (Wait, (True,), r"Wait\(duration_s\) must be a finite number"),
        (Ring, (float("nan"),), r"Ring\(duration_s\) must be a finite number"),
        (Say, ("x.wav", float("inf")), r"Say\(duration_s\) must be a positive, finite number"),
        (Say, (7,), r"Say\(path\) must be a file.s name or a path"),
        (ListenFor, ("music",), r"ListenFor\(sound\) must be one of Sound.SPEECH, Sound.QUIET"),
    ],
)
def test_a_script_checks_what_it_is_made_of(
    kind: Callable[..., object], arguments: tuple[object, ...], says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        kind(*arguments)
