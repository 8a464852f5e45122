"""What a callee heard over the control API: WAV files, figures and questions."""

from __future__ import annotations

import asyncio
import inspect
import io
import wave
from typing import TYPE_CHECKING, Any

import pytest
from tests.mockserver.faces.control.control_client import NUMBER, ControlClient, T, call, controlled, wav

from offhook.testing.audio import Clip, Heard
from offhook_mockserver.callees.summaries import CLIPS as OWN
from offhook_mockserver.faces.control import call_audio
from offhook_mockserver.faces.control.questions import QUESTIONS
from offhook_mockserver.server import TenantSettings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from offhook_mockserver.server import InProcessMock

KEPT = TenantSettings(keep_audio_s=60)


def after_a_call(
    test: Callable[[ControlClient, str, InProcessMock], Awaitable[None]],
    *,
    steps: list[Any] | None = None,
    say: str = f"wav:{OWN / 'greeting.wav'}",
    for_s: float = 8,
    settings: TenantSettings = KEPT,
) -> None:
    """Run a test with the path of a call that has ended."""

    async def run(mock: InProcessMock, client: ControlClient) -> None:
        await client.put(f"{T}/clips/mine.wav", content=wav(1), headers={"content-type": "audio/wav"})
        script = steps or ["answer", {"listen": "quiet"}, {"say": "mine.wav"}, {"wait": 600}]
        await client.ok("PUT", f"{T}/callees/{NUMBER}", {"steps": script})
        channel = await call(mock, say=say, for_s=for_s)
        await test(client, f"{T}/calls/{channel}", mock)

    controlled(run, settings=settings)


def read(content: bytes) -> tuple[int, int, bytes]:
    """Channels, rate and samples."""
    with wave.open(io.BytesIO(content)) as file:
        return file.getnchannels(), file.getframerate(), file.readframes(file.getnframes())


def test_audio_is_downloaded_in_both_directions() -> None:
    async def test(client: ControlClient, path: str, mock: InProcessMock) -> None:
        audio = mock.tenant.kept[-1].callee.audio()
        files = {name: await client.get(f"{path}/{name}.wav") for name in ("heard", "said", "mix")}
        for answer in files.values():
            assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/wav")
            assert int(answer.headers["content-length"]) == len(answer.content)
            assert answer.headers["x-content-type-options"] == "nosniff"
        assert read(files["heard"].content) == (1, audio.rate_hz, audio.heard)
        assert read(files["said"].content) == (1, audio.rate_hz, audio.said)
        channels, _, both = read(files["mix"].content)
        left, right = both[0::4] + both[1::4], both[2::4] + both[3::4]
        assert channels == 2
        assert left == audio.heard[0::2] + audio.heard[1::2]
        assert right == audio.said[0::2] + audio.said[1::2]
        head = await client.head(f"{path}/heard.wav")
        assert head.headers["content-length"] == files["heard"].headers["content-length"]

    after_a_call(test)


def test_figures_are_those_of_the_test_kit() -> None:
    async def test(client: ControlClient, path: str, mock: InProcessMock) -> None:
        audio = mock.tenant.kept[-1].callee.audio()
        heard = Heard(Clip(audio.heard, audio.rate_hz), said=Clip(audio.said, audio.rate_hz))
        figures = await client.ok("GET", f"{path}/heard", params={"delay_of": "greeting.wav"})
        assert figures["whole"] is True
        assert figures["first_audio_s"] == heard.first_audio_s
        assert [span["from_s"] for span in figures["speech"]] == [span.from_s for span in heard.speech]
        assert figures["callee_speech"]
        assert figures["talk_over_s"] == heard.talk_over_s
        assert figures["response_times_s"]["callee"] == list(heard.response_times_s.callee)
        assert figures["delay_s"] == heard.delay_of(OWN / "greeting.wav")
        assert figures["level_dbfs"] > -60
        assert (await client.ok("GET", f"{path}/heard"))["delay_s"] is None

    after_a_call(test)


@pytest.mark.parametrize(
    ("question", "passed"),
    [
        ({"question": "starts_with", "clip": "greeting.wav", "within_ms": 500}, True),
        ({"question": "contains", "clip": "greeting.wav", "at_least": 0.7}, True),
        ({"question": "contains", "clip": "mine.wav"}, False),
        ({"question": "contains", "clip": "marker"}, False),
        ({"question": "contains", "clip": "tone:440,1"}, False),
        ({"question": "has_tone", "hz": 440}, False),
        ({"question": "level_between", "lowest_dbfs": -40, "highest_dbfs": -5}, True),
        ({"question": "is_silent"}, False),
        ({"question": "is_not_clipped"}, True),
        ({"question": "has_no_gaps", "most_ms": 100}, True),
        ({"question": "is_one_way"}, False),
        ({"question": "silence_after", "at_s": 7, "within_ms": 100, "for_ms": 200}, True),
        ({"question": "silence_after", "at_s": None, "within_ms": 100}, False),
        ({"question": "sound_after", "at_s": 0, "within_ms": 800}, True),
        ({"question": "speech_between", "from_s": 0, "to_s": 3}, True),
        ({"question": "responds_within", "ms": 5}, False),
        ({"question": "talks_over_at_most", "ms": 500}, True),
    ],
    ids=lambda given: given["question"] if isinstance(given, dict) else "",
)
def test_questions_are_answered_with_a_reason(question: dict[str, object], passed: bool) -> None:
    async def test(client: ControlClient, path: str, mock: InProcessMock) -> None:
        verdict = await client.ok("POST", f"{path}/ask", question)
        assert verdict["passed"] is passed, verdict["explanation"]
        assert verdict["question"].startswith(f"{question['question']}(")
        assert verdict["explanation"].startswith(f"{verdict['question']} is {str(passed).lower()}\n  expected: ")

    after_a_call(test)


def test_explanations_name_what_the_control_api_has() -> None:
    async def test(client: ControlClient, path: str, mock: InProcessMock) -> None:
        for question in QUESTIONS:
            given = {"clip": "mine.wav", "hz": 300, "lowest_dbfs": -9, "highest_dbfs": 0, "at_s": None, "ms": 1}
            given |= {"within_ms": 300, "from_s": 0, "to_s": 1}
            known = {name: value for name, value in given.items() if name in QUESTIONS[question]}
            explanation = (await client.ok("POST", f"{path}/ask", {"question": question, **known}))["explanation"]
            for name in ("caller.wav", "callee.", "offhook_mock", "MockOptions"):
                assert name not in explanation
            if question in {"starts_with", "contains"}:
                assert "heard.wav is what was heard" in explanation

    after_a_call(test)


def test_every_question_and_argument_of_the_test_kit_is_there() -> None:
    methods = {
        name: tuple({"what": "clip"}.get(each, each) for each in list(inspect.signature(method).parameters)[1:])
        for name, method in vars(Heard).items()
        if inspect.isfunction(method) and inspect.signature(method).return_annotation == "Verdict" and name[0] != "_"
    }
    assert methods == QUESTIONS


@pytest.mark.parametrize(
    ("question", "status", "problem"),
    [
        ({}, 400, "question is missing"),
        ({"question": "is_loud"}, 400, "question is not one of those"),
        ({"question": "is_silent", "clip": "a"}, 400, "is_silent has no argument 'clip'; it has none"),
        ({"question": "contains", "within_ms": 1}, 400, "contains has no argument 'within_ms'; it has clip, at_least"),
        ({"question": "contains"}, 400, "contains needs clip"),
        (
            {"question": "contains", "clip": "x.wav"},
            422,
            "'x.wav' is not the name of a clip; did you mean mine.wav? Upload",
        ),
        ({"question": "contains", "clip": "../mine.wav"}, 422, "is not the name of a clip"),
        ({"question": "contains", "clip": "/etc/passwd"}, 422, "is not the name of a clip"),
        ({"question": "contains", "clip": "wav:/etc/passwd"}, 422, "is not the name of a clip"),
        ({"question": "contains", "clip": "http://127.0.0.1/"}, 422, "may not use the source 'http'"),
        ({"question": "contains", "clip": "tone:440"}, 422, "longer than 600 s"),
        ({"question": "contains", "clip": "silence"}, 422, ""),
        ({"question": "contains", "clip": "silence:1"}, 422, "is silent"),
        ({"question": "contains", "clip": ""}, 422, ""),
        ({"question": "has_tone", "hz": -5}, 422, "hz must be"),
        ({"question": "has_tone", "hz": 10**400}, 400, "hz must be a number"),
        ({"question": "speech_between", "from_s": 5, "to_s": 1}, 422, ""),
        ({"question": "silence_after", "at_s": 1e300, "within_ms": 1}, 200, ""),
        ({"question": "level_between", "lowest_dbfs": 5, "highest_dbfs": 6}, 422, "lowest_dbfs"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused(question: object, status: int, problem: str) -> None:
    async def test(client: ControlClient, path: str, mock: InProcessMock) -> None:
        answer = await client.post(f"{path}/ask", json=question)
        assert answer.status_code == status, answer.text
        if status != 200:
            assert problem in answer.json()["error"]["message"]

    after_a_call(test, for_s=2)


def test_audio_that_was_not_kept_is_refused_with_how_to_keep_it() -> None:
    async def test(client: ControlClient, path: str, mock: InProcessMock) -> None:
        for method, rest, body in (
            ("GET", "/heard.wav", None),
            ("GET", "/heard", None),
            ("POST", "/ask", {"question": "is_silent"}),
        ):
            status, code, message = await client.refused(method, path + rest, body)
            assert (status, code) == (409, "not_kept")
            assert 'PATCH /mock/v1/tenants/default with {"settings": {"keep_audio_s": 300}}' in message
        await client.ok("PATCH", T, {"settings": {"keep_audio_s": 300}})
        assert "of those that started after" in (await client.refused("GET", f"{path}/heard"))[2]
        later = await call(mock)
        assert (await client.ok("GET", f"{T}/calls/{later}/heard"))["whole"]

    after_a_call(test, settings=TenantSettings(), for_s=1)


def test_a_call_that_was_not_answered_has_no_audio() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        await client.ok("PUT", f"{T}/callees/{NUMBER}", {"steps": [{"ring": 1}, "decline"]})
        calling = asyncio.create_task(call(mock))
        shown = await client.ok("POST", f"{T}/callees/{NUMBER}/wait", {"timeout_s": 10})
        status, code, message = await client.refused("GET", f"{T}/calls/{shown['channel']}/said.wav")
        assert (status, code) == (409, "not_answered")
        assert "(callee declined)" in message
        calling.cancel()
        await asyncio.wait((calling,))

    controlled(test, settings=KEPT)


def test_of_a_call_that_was_kept_in_part_only_what_is_certain_is_answered() -> None:
    async def test(client: ControlClient, path: str, mock: InProcessMock) -> None:
        figures = await client.ok("GET", f"{path}/heard", params={"delay_of": "mine.wav"})
        assert figures["whole"] is False
        assert figures["kept_s"] < 2 < 7 < figures["lasted_s"]
        assert figures["first_audio_s"] is not None
        for name in ("speech", "marker_times_s", "talk_over_s", "response_times_s", "delay_s"):
            assert figures[name] is None
        assert (await client.ok("POST", f"{path}/ask", {"question": "is_silent"}))["passed"] is False
        refused = await client.refused("POST", f"{path}/ask", {"question": "is_not_clipped"})
        assert refused[:2] == (409, "state")
        assert "keep_audio_s" in refused[2]

    after_a_call(test, settings=TenantSettings(keep_audio_s=1))


def test_a_call_is_measured_up_to_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(client: ControlClient, path: str, mock: InProcessMock) -> None:
        tone = {"question": "has_tone", "hz": 440, "at_least_ms": 500}
        assert (await client.ok("POST", f"{path}/ask", tone))["passed"]
        assert not (await client.ok("POST", f"{path}/ask", {**tone, "until_s": 0.3}))["passed"]
        figures = await client.ok("GET", f"{path}/heard", params={"until_s": "0.3"})
        assert (figures["lasted_s"], figures["kept_s"], figures["whole"]) == (0.3, 0.3, True)
        monkeypatch.setattr(call_audio, "MOST_MEASURED_S", 2.0)
        for method, rest, body in (("GET", "/heard", None), ("POST", "/ask", tone)):
            refused = await client.refused(method, path + rest, body)
            assert refused[:2] == (409, "state")
            assert "2 s are measured at most: pass until_s" in refused[2]
        assert (await client.ok("POST", f"{path}/ask", {**tone, "until_s": 2}))["passed"]
        assert (await client.get(f"{path}/heard.wav")).is_success

    after_a_call(test, steps=["answer", {"wait": 600}], say="tone:440,1", for_s=3)


def test_a_call_that_goes_on_is_asked_about_until_now() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        await client.ok("PUT", f"{T}/callees/{NUMBER}", {"steps": ["answer", {"wait": 600}]})
        calling = asyncio.create_task(call(mock, say="tone:440,1", for_s=20))
        shown = await client.ok("POST", f"{T}/callees/{NUMBER}/wait", {"until": "answered"})
        await asyncio.sleep(3)  # of virtual time
        path = f"{T}/calls/{shown['channel']}"
        assert (await client.ok("GET", f"{path}/heard"))["lasted_s"] == pytest.approx(3, abs=0.1)
        assert (await client.ok("POST", f"{path}/ask", {"question": "has_tone", "hz": 440}))["passed"]
        await calling

    controlled(test, settings=KEPT)
