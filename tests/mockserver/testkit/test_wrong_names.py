"""A wrong name or keyword is answered with the right one, at the line of the test."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from offhook import Phone
from offhook.testing.audio import Clip, Heard
from offhook_mockserver.callees.builder import CalleeScript
from offhook_mockserver.callees.script import ScriptError
from offhook_mockserver.testkit import MockHandle, mock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NUMBER = "+14155550123"
HEARD: Any = Heard(Clip(bytes(3200), 16_000))
SCRIPT: Any = CalleeScript


@pytest.fixture(scope="module")
def offhook() -> Iterator[MockHandle]:
    with mock(virtual=True) as handle:
        yield handle


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda o: SCRIPT().answers(after=1), "CalleeScript.answers() got an unexpected keyword argument "
         "'after'; did you mean after_s?"),
        (lambda o: o.callee().answers(after=1), "did you mean after_s?"),
        (lambda o: o.callee().rings(seconds=1), "it takes duration_s"),
        (lambda o: SCRIPT().answers().listens(within=2), "did you mean within_s?"),
        (lambda o: SCRIPT().answers().barges_in("hello.wav", after=2), "did you mean after_s?"),
        (lambda o: o.callee().finished(timeout=2), "did you mean timeout_s?"),
        (lambda o: o.callee().aended(timeout=2), "did you mean timeout_s?"),
        (lambda o: o.run(None, timeout=2), "did you mean timeout_s?"),
        (lambda o: o.faults.lost_answer(time=2), "HttpFaults.lost_answer() got an unexpected keyword argument 'time'; "
         "did you mean times?"),
        (lambda o: o.faults.token(chanel="x"), "did you mean channel?"),
        (lambda o: o.faults.media(los=1), "did you mean loss?"),
        (lambda o: HEARD.silence_after(1, within=2), "did you mean within_ms?"),
        (lambda o: HEARD.clip.tones(440, at_least=1), "did you mean at_least_s?"),
    ],
)  # fmt: skip
def test_a_wrong_keyword(offhook: MockHandle, call: Callable[[object], object], says: str) -> None:
    with pytest.raises(TypeError) as raised:
        call(offhook)
    assert str(raised.value).endswith(says)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: HEARD.silence_afer(1), "'Heard' object has no attribute 'silence_afer'; did you mean silence_after?"),
        (lambda: HEARD.clip.levels_dbfs(), "did you mean level_dbfs?"),
    ],
)
def test_a_wrong_question(call: Callable[[], object], says: str) -> None:
    with pytest.raises(AttributeError) as raised:
        call()
    assert str(raised.value).endswith(says)


async def ring() -> None:
    async with Phone.from_env() as phone, phone.dial(NUMBER) as call:
        await call.answered()


def test_a_wrong_name_of_a_call_and_of_an_application(offhook: MockHandle) -> None:
    offhook.callee().answers()
    started = offhook.start(ring())
    started.result()
    (call,) = offhook.calls
    with pytest.raises(AttributeError, match="did you mean answered"):
        _ = call.anwered  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="did you mean result"):
        _ = started.results  # type: ignore[attr-defined]


def test_a_mistake_in_a_verb_still_names_the_line_of_the_test(offhook: MockHandle) -> None:
    with pytest.raises(ScriptError, match=r"test_wrong_names\.py:\d+ in test_a_mistake_in_a_verb"):
        offhook.callee("+14155550155").answers(after_s=-1)


def test_the_verbs_for_coroutines_still_are_awaited(offhook: MockHandle) -> None:
    async def waits() -> None:
        await offhook.asleep(1)

    assert offhook.runner is not None
    before_s = offhook.clock.monotonic_s()
    offhook.runner.run(waits())
    assert offhook.clock.monotonic_s() == before_s + 1
    forgotten = offhook.asleep(0)
    assert asyncio.iscoroutine(forgotten)
    forgotten.close()
