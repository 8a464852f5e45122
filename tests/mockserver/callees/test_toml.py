"""Scripts in TOML files: the same grammar, mistakes with their lines, and what a stranger's file cannot do."""

from __future__ import annotations

import os
import shutil
import tomllib
from typing import TYPE_CHECKING, cast

import pytest

from offhook_mockserver.callees.builder import CalleeScript
from offhook_mockserver.callees.numbers import HELLO, NUMBERS
from offhook_mockserver.callees.script import VERBS, Say, Script, ScriptError
from offhook_mockserver.callees.script_reader import METHODS
from offhook_mockserver.callees.summaries import CLIPS
from offhook_mockserver.callees.toml import load_scripts
from offhook_mockserver.callees.toml_lines import StepLines
from offhook_mockserver.callees.toml_writer import to_toml

if TYPE_CHECKING:
    from pathlib import Path

NUMBER = "+14155550190"
BEGIN = f'[[callee]]\nnumber = "{NUMBER}"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(HELLO, tmp_path / "hello.wav")
    return tmp_path


def load(folder: Path, text: str) -> dict[str, object]:
    (folder / "callees.toml").write_text(text, encoding="utf-8")
    return dict(load_scripts(folder / "callees.toml"))


def test_a_file_holds_the_scripts_of_several_callees(folder: Path) -> None:
    text = f"""
# Two callees.
[[callee]]
number = "{NUMBER}"
summary = "says hello twice"
steps = [
    {{answer = {{after_s = 1}}}},
    {{say = "hello.wav"}},  # the main argument alone
    {{repeat = {{times = 2, steps = [{{listen = {{until = "tone:1000", within_s = 5}}}}]}}}},
    {{if_heard = {{what = "hello.wav", then = ["mute", "unmute"], otherwise = ["hang_up"]}}}},
    {{say = {{what = "tone:440,1", duration_s = 0.5}}}}, {{drop = 1}}, {{come_back = 2}}, "hang_up",
]

[[callee]]
number = "+14155550191"
[[callee.steps]]
ring = 2
[[callee.steps]]
decline = {{}}
"""
    greets = (
        CalleeScript(folder.resolve())
        .answers(after_s=1)
        .says("hello.wav")
        .repeats(2, lambda c: c.listens("tone:1000", within_s=5))
        .if_heard("hello.wav", lambda c: c.mutes().unmutes(), lambda c: c.hangs_up())
        .says("tone:440,1", duration_s=0.5)
        .drops(1)
        .comes_back(2)
        .hangs_up()
    )
    assert load(folder, text) == {
        NUMBER: greets.script("says hello twice"),
        "+14155550191": CalleeScript().rings(2).declines().script(),
    }


def test_every_verb_has_a_name_in_toml_and_a_method_of_the_builder() -> None:
    assert set(METHODS) == {verb.verb for verb in VERBS}
    builders = {method for name, method in vars(CalleeScript).items() if not name.startswith("_")}
    assert set(METHODS.values()) == builders - {vars(CalleeScript)["script"], vars(CalleeScript)["steps"]}


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    shutil.copy(HELLO, tmp_path / "hello.wav")
    folder = tmp_path.resolve()
    own = (
        CalleeScript(folder)
        .answers(after_s=1.5)
        .says("hello.wav", 0.5)
        .says("tone:440,2")
        .listens("quiet", within_s=2)
        .listens("tone:1000.5")
        .listens("marker")
        .barges_in("hello.wav", 0.25, duration_s=1)
        .echoes(0.5)
        .makes_noise(-30.5)
        .holds()
        .resumes()
        .mutes()
        .unmutes()
        .second_device_joins()
        .comes_back(2)
        .if_heard("hello.wav", lambda c: c.waits(1), at_least=0.5)
        .repeats(3, lambda c: c.if_heard("silence", lambda c: c.waits(0.1), lambda c: c.hangs_up()))
        .drops()
        .script('with "quotes", \\ and \x7f\n')
    )
    mailbox = CalleeScript(folder).goes_to_voicemail("hello.wav", beep=False, records_s=3).script()
    scripts = {**NUMBERS, NUMBER: own, "+14155550191": mailbox}
    (folder / "callees.toml").write_text(to_toml(scripts, folder), encoding="utf-8")
    assert load_scripts(folder / "callees.toml") == scripts
    assert str(folder) not in to_toml({NUMBER: own}, folder)


MISTAKES = [
    ("", 1, "it has no callee: write [[callee]] for each callee, with a number and steps"),
    ("calee = 1", 1, "unknown key 'calee'; did you mean callee?"),
    ("[callee]\nnumber = 1", 1, "it has no callee: write [[callee]]"),
    ("callee = [1]", 1, "a callee must be a table: write [[callee]]"),
    ("\n\n[[callee]]\nnumber = ", 4, "Invalid value"),
    (f"{BEGIN}step = []", 1, "unknown key 'step' of a callee; did you mean steps?"),
    ("[[callee]]\nsteps = []", 1, "the number must be text, such as '+14155550123', got NoneType"),
    ('[[callee]]\nnumber = "+12"\nsteps = []', 1, "'+12' is not an E.164 number"),
    (f"\n{BEGIN}", 2, 'a callee needs steps: write steps = [{answer = {after_s = 1}}, "hang_up"]'),
    (f"{BEGIN}summary = 1\nsteps = []", 1, "summary must be text"),
    (f"{BEGIN}steps = []\n{BEGIN}steps = []", 4, f"the number {NUMBER} has a callee already"),
    (f'{BEGIN}steps = [\n  "answer",\n  "hangup"]', 5, "unknown verb 'hangup'; did you mean hang_up?"),
    (f'{BEGIN}steps = ["answer", {{say = "nowhere.wav"}}]', 3, "nowhere.wav' does not exist"),
    (f'{BEGIN}steps = [# a ] comment\n"answer",\n\n{{wait = -1}}]', 6, "duration_s of wait must be a finite number"),
    (f"{BEGIN}steps = [{{answer = {{after = 1}}}}]", 3, "unknown argument 'after' of answer; did you mean after_s?"),
    (f'{BEGIN}steps = ["answer", {{mute = 1}}]', 3, 'the verb mute takes no argument: write "mute"'),
    (f'{BEGIN}steps = ["answer", "wait"]', 3, "the verb wait needs duration_s"),
    (f'{BEGIN}steps = ["answer", {{repeat = {{times = 2}}}}]', 3, "the verb repeat needs steps"),
    (f'{BEGIN}steps = ["answer", {{wait = 1, mute = 1}}]', 3, "a step must be one verb, such as"),
    (f'{BEGIN}steps = ["answer", 5]', 3, "a step must be one verb, such as"),
    (f'{BEGIN}steps = [\n"answer",\n{{repeat = {{times = 2, steps = [\n"mute", {{x = 1}}]}}}}]', 5, "unknown verb 'x'"),
    (f'{BEGIN}steps = ["answer", {{repeat = {{times = 2, steps = "mute"}}}}]', 3, "steps must be a function that"),
    (f"{BEGIN}[[callee.steps]]\nanswer = 1\n[[callee.steps]]\nring = 1", 5, "ring, cannot come after answer"),
    (
        f'{BEGIN}steps = ["answer", {{repeat = {{times = inf, steps = ["mute"]}}}}]',
        3,
        "times of repeat must be a whole",
    ),
    (f'{BEGIN}steps = ["answer", {{say = "http://x/y.wav"}}]', 3, "may not use the source 'http'"),
    (f'{BEGIN}steps = ["answer", {{say = "../../etc/passwd"}}]', 3, "is outside the script's folder"),
    (f'{BEGIN}steps = ["answer", {{say = "/dev/zero"}}]', 3, "'/dev/zero' is outside the script's folder"),
    (f'{BEGIN}steps = ["answer", {{say = "link.wav"}}]', 3, "'link.wav' is outside the script's folder"),
    (f'{BEGIN}steps = ["answer", {{say = "fifo.wav"}}]', 3, "fifo.wav' is not a regular file"),
    (f'{BEGIN}steps = ["answer", {{say = "~/x.wav"}}]', 3, "is outside the script's folder"),
    (f'{BEGIN}steps = ["answer", {{if_heard = {{what = "link.wav", then = []}}}}]', 3, "outside the script's folder"),
    (f"{BEGIN}steps = [{'[' * 5000}", 1, "its values are nested too deep"),
    (f'{BEGIN}steps = ["answer", {{say = "a\\u0000b.wav"}}]', 3, "the path holds a NUL character"),
    (f"{BEGIN}steps = [{{voicemail = {{greeting = 5}}}}]", 3, "greeting of voicemail must be a file's name"),
    (f'{BEGIN}steps = [{{voicemail = {{greeting = "link.wav"}}}}]', 3, "'link.wav' is outside the script's folder"),
]


@pytest.mark.fault("F55")
@pytest.mark.parametrize(("text", "line", "says"), MISTAKES, ids=range(len(MISTAKES)))
def test_a_mistake_is_reported_with_its_line(folder: Path, text: str, line: int, says: str) -> None:
    (folder / "link.wav").symlink_to("/etc/passwd")
    os.mkfifo(folder / "fifo.wav")
    with pytest.raises(ScriptError) as raised:
        load(folder, text)
    assert says in raised.value.message
    assert raised.value.message.endswith(f"callees.toml:{line})")


def test_deep_branches_are_refused(folder: Path) -> None:
    step = "{wait = 1}"
    for _ in range(12):
        step = f"{{repeat = {{times = 1, steps = [{step}]}}}}"
    with pytest.raises(ScriptError, match=r"branches and loops may be 8 deep \(.*:3\)"):
        load(folder, f'{BEGIN}steps = ["answer", {step}]')


@pytest.mark.fault("F55")
def test_a_million_steps_are_refused_early(folder: Path) -> None:
    with pytest.raises(ScriptError, match="is larger than 256 kB, which is the limit"):
        load(folder, BEGIN + "steps = [" + '"mute",' * 1_000_000 + "]")
    with pytest.raises(ScriptError, match="it has more than 10,000 steps, which is the limit"):
        load(folder, BEGIN + 'steps = ["answer",' + "\n{wait=1}," * 10_001 + "]")
    too_many = '{if_heard={what="speech",then=[' + '"mute",' * 6_000 + "]}},"
    with pytest.raises(ScriptError, match="it has more than 10,000 steps, which is the limit"):
        load(folder, BEGIN + 'steps = ["answer",{if_heard={what="speech",then=[' + too_many * 2 + "]}}]")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: path.mkdir(), "is not a regular file|Is a directory|is a folder"),
        (os.mkfifo, "is not a regular file"),
        (lambda path: path.symlink_to("/dev/zero"), "is not a regular file"),
        (lambda path: path.write_bytes(b"\xff\xfe"), "is not UTF-8 text"),
        (lambda path: None, "does not exist"),
    ],
)
def test_only_a_regular_file_is_read(tmp_path: Path, make: object, says: str) -> None:
    assert callable(make)
    make(tmp_path / "x.toml")
    with pytest.raises(ScriptError, match=says):
        load_scripts(tmp_path / "x.toml")


def test_a_link_within_the_folder_is_followed(folder: Path) -> None:
    (folder / "link.wav").symlink_to("hello.wav")
    scripts = load(folder, f'{BEGIN}steps = ["answer", {{say = "link.wav"}}]')
    assert scripts == {NUMBER: CalleeScript(folder.resolve()).answers().says("hello.wav").script()}


LINES = '''# [[callee]] steps = ["x"]
[[callee]] # [
number = "a"
text = """
[[callee]]
steps = [1]
"""
steps = [ # first ]
    "a", {b = {c = [1, 2], d = "]"}},

    {e = [
        3, 4]}, 'f # ]',
    true,
]
[[ callee ]]
steps = []
[other]
steps = [1,
2]
[[callee]]
[[callee.steps]]
a = 1
[[ callee . steps ]]
b = 1
'''


def test_the_lines_of_steps_are_found() -> None:
    tomllib.loads(LINES)
    lines = StepLines(LINES)
    assert [lines.of_callee(index) for index in range(4)] == [2, 15, 20, 1]
    assert [lines.of_step(0, index) for index in range(6)] == [9, 9, 11, 12, 13, 2]
    assert lines.of_step(1, 0) == 18
    assert [lines.of_step(2, index) for index in range(3)] == [21, 23, 20]


def test_the_names_of_the_clips_need_no_file(tmp_path: Path) -> None:
    script = cast("Script", load(tmp_path, f'{BEGIN}steps = ["answer", {{say = "reply.wav"}}]')[NUMBER])
    assert script.steps[-1] == Say(CLIPS / "reply.wav")
    with pytest.raises(ScriptError, match=r"helo.wav' does not exist; offhook's own clips .* did you mean hello.wav\?"):
        load(tmp_path, f'{BEGIN}steps = ["answer", {{say = "helo.wav"}}]')


@pytest.mark.fault("F55")
@pytest.mark.parametrize("part", ["k.", '"k" . ', "'k'."])
def test_a_key_of_many_parts_is_refused_before_it_is_read(folder: Path, part: str) -> None:
    for text in (f"\n{part * 40_000}k = 1", f"\n[{part * 40_000}k]"):
        with pytest.raises(ScriptError, match=r"of more than 32 parts with dots between them \(.*:2\)"):
            load(folder, text)


@pytest.mark.fault("F55")
def test_what_a_long_key_is_looked_for_with_is_never_slow(folder: Path) -> None:
    hostile = ("a" * 250_000, '"' * 250_000, "a." * 31 + "a" * 200_000, "'a" * 120_000, "a.\n" * 80_000, ". " * 99_999)
    for text in hostile:
        with pytest.raises(ScriptError):
            load(folder, text)
    dotted = ",".join(["{wait=0.1}"] * 200)
    assert load(folder, f"{BEGIN}steps=[{dotted}]")


@pytest.mark.fault("F55")
def test_a_number_that_python_does_not_read_is_refused(folder: Path) -> None:
    with pytest.raises(ScriptError, match="it holds a number that is too long"):
        load(folder, f"{BEGIN}steps = []\nx = {'9' * 5000}")
