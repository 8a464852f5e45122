"""Scripts that are built with the verbs of a story, and the mistakes that the verbs find."""

from __future__ import annotations

import inspect
import os
import shutil
import wave
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offhook.errors import ConfigError
from offhook_mockserver.callees.builder import NAMES, CalleeScript
from offhook_mockserver.callees.numbers import HELLO
from offhook_mockserver.callees.places import CLIP_NAMES
from offhook_mockserver.callees.script import (
    VERBS,
    Answer,
    AnsweredElsewhere,
    BargeIn,
    Busy,
    ComeBack,
    Condition,
    Decline,
    Drop,
    Echo,
    HangUp,
    Hold,
    IfHeard,
    ListenFor,
    Mute,
    NeverAnswer,
    Noise,
    Repeat,
    Resume,
    Ring,
    Say,
    Script,
    ScriptError,
    SecondDevice,
    Sound,
    SoundsLike,
    Step,
    Tone,
    Unmute,
    Unreachable,
    Voicemail,
    Wait,
)
from offhook_mockserver.callees.summaries import CLIPS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

HERE = Path(__file__).relative_to(Path.cwd())

BUILT: list[tuple[Callable[[CalleeScript], CalleeScript], Sequence[Step]]] = [
    (lambda c: c.rings(2).answers(), [Ring(2), Answer()]),
    (lambda c: c.answers(after_s=1.5), [Ring(1.5), Answer()]),
    (lambda c: c.declines(), [Decline()]),
    (lambda c: c.declines(after_s=1), [Ring(1), Decline()]),
    (lambda c: c.is_busy(), [Busy()]),
    (lambda c: c.never_answers(), [NeverAnswer()]),
    (lambda c: c.is_unreachable(), [Unreachable()]),
    (lambda c: c.answers_elsewhere(after_s=2), [Ring(2), AnsweredElsewhere()]),
    (lambda c: c.goes_to_voicemail(after_s=2), [Ring(2), Voicemail()]),
    (lambda c: c.goes_to_voicemail(HELLO, beep=False, records_s=5), [Voicemail(HELLO, beep=False, records_s=5)]),
    (lambda c: c.answers().says(HELLO, duration_s=0.5), [Answer(), Say(HELLO, 0.5)]),
    (lambda c: c.answers().says("tone:440,2"), [Answer(), Say("tone:440,2")]),
    (lambda c: c.answers().says(f"wav:{HELLO}"), [Answer(), Say(HELLO)]),
    (lambda c: c.answers().listens(), [Answer(), ListenFor(Sound.SPEECH)]),
    (lambda c: c.answers().listens("quiet", within_s=3), [Answer(), ListenFor(Sound.QUIET, 3)]),
    (lambda c: c.answers().listens(until="tone:1000"), [Answer(), ListenFor(Tone(1000))]),
    (lambda c: c.answers().listens(Sound.MARKER), [Answer(), ListenFor(Sound.MARKER)]),
    (lambda c: c.waits(1).answers().waits(2), [Wait(1), Answer(), Wait(2)]),
    (lambda c: c.answers().barges_in(HELLO, 0.3), [Answer(), BargeIn(HELLO, 0.3)]),
    (lambda c: c.answers().echoes(0.5), [Answer(), Echo(0.5)]),
    (lambda c: c.answers().makes_noise(-30), [Answer(), Noise(-30)]),
    (lambda c: c.answers().holds().resumes(), [Answer(), Hold(), Resume()]),
    (lambda c: c.answers().mutes().unmutes(), [Answer(), Mute(), Unmute()]),
    (lambda c: c.answers().hangs_up(), [Answer(), HangUp()]),
    (lambda c: c.answers().hangs_up(after_s=3), [Answer(), Wait(3), HangUp()]),
    (lambda c: c.answers().drops(after_s=1), [Answer(), Wait(1), Drop()]),
    (lambda c: c.answers().drops().comes_back(2).hangs_up(), [Answer(), ComeBack(2), HangUp()]),
    (lambda c: c.answers().comes_back(2), [Answer(), ComeBack(2)]),
    (lambda c: c.answers().second_device_joins(), [Answer(), SecondDevice()]),
    (
        lambda c: c.answers().if_heard("speech", lambda c: c.waits(1).hangs_up(), [Mute()]),
        [Answer(), IfHeard(Condition.SPEECH, [Wait(1), HangUp()], [Mute()])],
    ),
    (
        lambda c: c.answers().if_heard(HELLO, lambda c: c.drops().comes_back(1), at_least=0.5),
        [Answer(), IfHeard(SoundsLike(HELLO, 0.5), [ComeBack(1)])],
    ),
    (lambda c: c.answers().repeats(2, lambda c: c.waits(1)), [Answer(), Repeat(2, [Wait(1)])]),
]


@pytest.mark.parametrize(("build", "steps"), BUILT)
def test_a_verb_adds_its_steps(build: Callable[[CalleeScript], CalleeScript], steps: Sequence[Step]) -> None:
    script = CalleeScript()
    assert build(script) is script
    assert script.steps == tuple(steps)
    assert script.script("as planned") == Script("as planned", steps)


def test_every_verb_of_the_builder_is_tried() -> None:
    verbs = {name for name in vars(CalleeScript) if not name.startswith("_")} - {"steps", "script"}
    sources = inspect.getsource(inspect.getmodule(BUILT[0][0]) or inspect)
    assert not {verb for verb in verbs if f".{verb}(" not in sources}


def test_the_summary_says_what_happens() -> None:
    script = CalleeScript().answers(1).listens().says(HELLO).hangs_up()
    assert script.script().summary == (
        "rings for 1 s, answers, listens until the caller speaks, says hello.wav, hangs up"
    )
    assert CalleeScript().script() == Script("rings", ())


MISTAKES: list[tuple[Callable[[CalleeScript], object], str]] = [
    (lambda c: c.says(HELLO), "step 1 of the script, says(), cannot come before answers()"),
    (lambda c: c.answers().rings(1), "step 2 of the script, rings(), cannot come after answers()"),
    (
        lambda c: c.answers().hangs_up().waits(1),
        "step 3 of the script, waits(), is never reached: hangs_up() ends",
    ),
    (lambda c: c.is_busy().answers(), "step 2 of the script, answers(), is never reached: is_busy() ends the script"),
    (lambda c: c.answers().says("nowhere.wav"), "the file 'nowhere.wav' does not exist"),
    (lambda c: c.goes_to_voicemail(5), "goes_to_voicemail(greeting) must be a file's name or a path"),  # type: ignore[arg-type]
    (lambda c: c.goes_to_voicemail("nowhere.wav"), "the file 'nowhere.wav' does not exist"),
    (lambda c: c.answers().if_heard("no.wav", []), "the file 'no.wav' does not exist"),
    (lambda c: c.answers().says(Path(__file__)), "test_builder.py' is not an audio file"),
    (lambda c: c.answers().says("/dev/zero"), "the file '/dev/zero' is not a regular file"),
    (lambda c: c.answers().says(7), "says(what) must be a file's name or a path, for example 'hello.wav', got 7"),  # type: ignore[arg-type]
    (lambda c: c.answers().waits(-1), "waits(duration_s) must be a finite number of seconds, 0 or more, got -1"),
    (lambda c: c.answers("1"), "answers(after_s) must be a finite number of seconds, 0 or more, got '1'"),  # type: ignore[arg-type]
    (
        lambda c: c.answers().listens("music"),
        "listens(until) must be 'speech', 'quiet', 'marker' or a tone",
    ),
    (lambda c: c.answers().listens("silence"), "got 'silence'. Write 'quiet'"),
    (lambda c: c.answers().listens("tone:99999"), "listens(until) must be between 50 and 7,900 hertz, got 99999.0"),
    (lambda c: c.answers().if_heard("spoke", []), "got 'spoke'. Write 'speech' or 'silence'"),
    (
        lambda c: c.answers().if_heard("speech", [], at_least=1),
        "if_heard(at_least) must be left out unless what is an audio file",
    ),
    (lambda c: c.answers().if_heard("tone:440", []), "if_heard(what) must be an audio file"),
    (lambda c: c.answers().if_heard("speech", "hang_up"), "then must be a function that adds steps"),  # type: ignore[arg-type]
    (lambda c: c.answers().if_heard("speech", [HangUp]), "Did you forget the parentheses? Write HangUp(...)"),  # type: ignore[list-item]
    (
        lambda c: c.answers().if_heard("speech", [Answer()]),
        "step 1 of if_heard() (step 2), answers(), cannot come after answers()",
    ),
    (lambda c: c.if_heard("speech", [HangUp()]), "step 1 of the script, if_heard(), cannot come before answers()"),
    (lambda c: c.answers().repeats(None, [Wait(1)]), "repeats(times) must be a whole number between 1 and 1,000"),  # type: ignore[arg-type]
    (lambda c: c.answers().repeats(1_000_000, [Wait(1)]), "repeats(times) must be between 1 and 1,000"),
    (lambda c: c.answers().repeats(2, []), "repeats(steps) must be at least one step"),
    (lambda c: c.answers().repeats(2, [HangUp()]), "repeats(), never repeats: one of its steps ends the script"),
    (
        lambda c: c.answers().repeats(1000, [Repeat(11, [Wait(1)])]),
        "is too much: a script may have 10,000 steps, repetitions included",
    ),
    (
        lambda c: c.answers().if_heard("speech", [HangUp()], [Drop()]).waits(1),
        "step 3 of the script, waits(), is never reached: if_heard() ends the script",
    ),
]


@pytest.mark.parametrize(("mistake", "says"), MISTAKES)
def test_a_mistake_is_raised_by_the_verb_that_made_it(mistake: Callable[[CalleeScript], object], says: str) -> None:
    with pytest.raises(ScriptError) as raised:
        mistake(CalleeScript())
    assert says in raised.value.message
    assert raised.value.message.endswith(f" ({HERE}:{mistake.__code__.co_firstlineno} in <lambda>)") or "\n" in (
        inspect.getsource(mistake).strip()
    )


def test_the_message_holds_the_line_of_the_verb_also_in_a_branch() -> None:
    def greets(script: CalleeScript) -> None:
        script.waits(1)
        script.says("nowhere.wav")

    with pytest.raises(ScriptError) as raised:
        CalleeScript().answers().if_heard("speech", greets)
    line = inspect.getsourcelines(greets)[1] + 2
    assert raised.value.message == (
        f"the file 'nowhere.wav' does not exist in the current folder {str(Path.cwd())!r}; offhook's own clips are "
        f"greeting.wav, hello.wav and reply.wav ({HERE}:{line} in {greets.__qualname__})"
    )


def test_a_script_that_is_too_deep_is_refused() -> None:
    steps: list[Step] = [Wait(1)]
    for _ in range(9):
        steps = [Repeat(1, steps)]
    with pytest.raises(ConfigError, match="nested too deep: branches and loops may be 8 deep"):
        Script("deep", [Answer(), *steps])


def test_relative_files_are_in_the_folder_of_the_script_or_in_the_current_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(HELLO, tmp_path / "x.wav")
    (tmp_path / "other").mkdir()
    shutil.copy(HELLO, tmp_path / "other" / "y.wav")
    monkeypatch.chdir(tmp_path / "other")
    assert CalleeScript(tmp_path).answers().says("y.wav").steps[-1] == Say("y.wav")
    script = CalleeScript(tmp_path).answers().says("x.wav").says("wav:x.wav", 1).says("tone:440,1").says(HELLO)
    said = [step.path for step in script.steps if isinstance(step, Say)]
    assert said == [tmp_path / "x.wav", tmp_path / "x.wav", None, HELLO]
    branched = script.if_heard("x.wav", lambda c: c.says("x.wav")).steps[-1]
    assert isinstance(branched, IfHeard)
    assert branched == IfHeard(SoundsLike(tmp_path / "x.wav"), [Say(tmp_path / "x.wav")])


def test_a_file_that_cannot_be_audio_is_refused_before_anything_rings(tmp_path: Path) -> None:
    def problem(name: str) -> str:
        with pytest.raises(ScriptError) as raised:
            CalleeScript(tmp_path).answers().says(name)
        return raised.value.message.split("' ")[1].split(" (")[0]

    (tmp_path / "empty.wav").touch()
    assert problem("empty.wav") == "is empty"
    os.mkfifo(tmp_path / "fifo.wav")
    assert problem("fifo.wav") == "is not a regular file"
    (tmp_path / "folder.wav").mkdir()
    assert problem("folder.wav") == "is not a regular file"
    with wave.open(str(tmp_path / "zero.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(100))
    lying = bytearray((tmp_path / "zero.wav").read_bytes())
    lying[24:28] = bytes(4)
    (tmp_path / "zero.wav").write_bytes(lying)
    assert problem("zero.wav") == "has a header with a rate of 0 Hz"
    with (tmp_path / "huge.wav").open("wb") as huge:
        huge.truncate(4 * 2**30)
    assert problem("huge.wav") == "is larger than 512 MB, which is the limit"
    assert problem("a\0b.wav").startswith("cannot be opened")


def test_a_million_steps_are_refused_early() -> None:
    script = CalleeScript().answers()

    def never_ends() -> None:
        for _ in range(1_000_000):
            script.waits(1)

    with pytest.raises(ScriptError, match=r"step 10001 of the script, waits\(\), is too much"):
        never_ends()


def test_the_names_of_the_clips_need_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in CLIP_NAMES:
        assert CalleeScript(tmp_path).answers().says(name).steps[-1] == Say(CLIPS / name)
        assert CalleeScript().goes_to_voicemail(name).steps[-1] == Voicemail(CLIPS / name)
    (step,) = CalleeScript().answers().if_heard("wav:greeting.wav", []).steps[1:]
    assert step == IfHeard(SoundsLike(CLIPS / "greeting.wav"), ())
    assert {path.name for path in CLIPS.glob("*.wav")} == set(CLIP_NAMES)
    shutil.copy(HELLO, tmp_path / "reply.wav")
    assert CalleeScript().answers().says("reply.wav").steps[-1] == Say("reply.wav"), "a file comes first"
    with pytest.raises(ScriptError, match=r"'helo.wav' does not exist in .*, nor in the current folder .*hello.wav\?"):
        CalleeScript(tmp_path / "x").answers().says("helo.wav")
    shutil.copy(HELLO, tmp_path / "goodbye.wav")
    with pytest.raises(ScriptError, match=r"did you mean goodbye.wav\?"):
        CalleeScript(tmp_path).answers().says("godbye.wav")


def test_a_wrong_verb_is_answered_with_the_nearest() -> None:
    script = CalleeScript()
    with pytest.raises(AttributeError, match=r"'CalleeScript' object has no attribute 'hang_up'; .* hangs_up\?"):
        script.hang_up()  # type: ignore[attr-defined]


def test_every_verb_has_the_name_of_a_step() -> None:
    assert NAMES.keys() == {step.verb for step in VERBS}
