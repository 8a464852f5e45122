"""The stories in examples/tests pass, and each fails when the agent is broken, in words that say what happened."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import tests.imported_first  # noqa: F401

pytest_plugins = ["pytester"]

EXAMPLES = Path(__file__).parents[2] / "examples"

#: What is broken: the story that fails, what is replaced in the agent, and lines of what pytest prints.
BROKEN = {
    "talks on": (
        "test_it_stops_when_it_is_spoken_over",
        ("call.clear()  #", "pass  #"),
        [
            "E *assert <no: silence begins at *s too late*",
            "  look at:  whether the application stops playing (Call.clear) when the callee speaks*",
        ],
    ),
    "does not wait for the beep": (
        "test_it_leaves_a_message_on_a_voicemail_after_the_beep",
        ("call.clear()  #", 'call.clear(), call.play(again), await call.hang_up(after="playout")  #'),
        [
            "E *assert <no: at_s is None: *",
            "  look at:  whether the callee reached that step of its script (its history shows that)*",
            "*callee says greeting.wav*",
            "*caller hung up",
        ],
    ),
    "dials again": (
        "test_it_never_dials_twice",
        (
            "async def talk",
            "remind_once = remind\n\n\nasync def remind(number, plugins=()):\n    for _ in range(2):\n        try:\n"
            "            return await remind_once(number, plugins)\n        except Exception:\n            pass\n\n\n"
            "async def talk",
        ),
        [
            "*Failed: DID NOT RAISE*StartAmbiguous*",
            "*call 1  a call to +1415•••0123 from * starts*",
            "*call 2  a call to +1415•••0123 from * starts*",
        ],
    ),
    "ignores expiry": (
        "test_it_outlives_its_token",
        ("Phone.from_env(plugins=plugins)", "Phone.from_env()"),
        [
            "E *NotFinished: finished(): the caller's token expired and was not renewed * s after the answer*",
            "*the token of a caller * expires in 30 s",
            "*left the channel; its token*had not been renewed",
        ],
    ),
}


def run(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    always = ("-o", "pythonpath=.", "-p", "no:cacheprovider", "-W", "error", "--color=no", "--offhook-artifacts=off")
    return pytester.runpytest_inprocess(*always, "-W", "ignore::pytest.PytestUnknownMarkWarning", *options)


@pytest.fixture
def agent(pytester: pytest.Pytester) -> Path:
    """The agent in a copy of the examples."""
    shutil.copytree(EXAMPLES, pytester.path, dirs_exist_ok=True)
    return pytester.path / "reminder.py"


@pytest.mark.usefixtures("agent")
def test_the_stories_pass(pytester: pytest.Pytester) -> None:
    run(pytester, "-m", "not slow", "tests").assert_outcomes(passed=4, deselected=1)


@pytest.mark.slow
@pytest.mark.usefixtures("agent")
def test_the_story_in_real_time_passes(pytester: pytest.Pytester) -> None:
    outcomes = run(pytester, "-m", "slow", "tests").parseoutcomes()
    assert outcomes["deselected"] == 4
    assert outcomes.keys() <= {"passed", "void", "deselected"}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_agent_fails_its_story(pytester: pytest.Pytester, agent: Path, name: str) -> None:
    story, (right, wrong), says = BROKEN[name]
    code = agent.read_text(encoding="utf-8")
    assert code.count(right) == 1
    agent.write_text(code.replace(right, wrong), encoding="utf-8")
    result = run(pytester, "tests/test_reminder.py", "-k", f"{story} and not real_time")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(says)
