"""The pages about the test kit: their examples are run, and what they print is what the pages show.

A comment before a block of a page says what it is:

- ``<!-- run: test_x.py -->``: it is added to a file that is run, and its tests pass;
- ``<!-- run: test_x.py slow -->``: the same, in a test marked slow;
- ``<!-- fails: test_x.py -->``: the same, and each of its tests fails or leaves something behind;
- ``<!-- file: agent.py -->`` and ``<!-- examples/agent.py -->``: it is added to a file that the others need;
- ``<!-- prints: test_x.py -->``: each of its lines is printed, in this order. ``…`` stands for anything.

The application of the first page is there for all of them, and so are greeting.wav, hello.wav and reply.wav.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from tests.patience import busy

from offhook.errors import OffhookError
from offhook.plugin import Plugins
from offhook_mockserver.callees.builder import CalleeScript
from offhook_mockserver.callees.script import VERBS
from offhook_mockserver.callees.summaries import CLIPS
from offhook_mockserver.callees.toml import load_scripts
from offhook_mockserver.tenants.faults import FAULT_NAMES
from offhook_mockserver.testkit import CalleeEnd, MockOptions
from offhook_mockserver.testkit.making import virtual_handle

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from offhook import Call
    from offhook_mockserver.testkit import MockHandle

pytest_plugins = ["pytester"]

DOCS = Path(__file__).parents[3] / "docs/how-to"
FIRST = "test-a-voice-app.md"
APP = "reminder.py"
PAGES = (
    FIRST,
    "script-callees.md",
    "ask-what-was-heard.md",
    "cause-faults.md",
    "wait-and-search.md",
    "test-tokens.md",
    "test-webhooks.md",
    "webhooks.md",
    "test-an-agent.md",
)
NUMBER = "+14155550190"
#: The verbs in the table that a callee does before it answers.
BEFORE_THE_ANSWER = tuple(f".{name}" for name in "rings answers declines is_ never goes_to".split())
BLOCK = re.compile(
    r"<!-- (?:(run|fails|file|prints): ([\w.]+)( slow)?|examples/([\w.]+)) -->\n```\w*\n(.*?)```", re.DOTALL
)


@dataclass
class Examples:
    """The blocks of one page, by the names of their files."""

    files: dict[str, str] = field(default_factory=dict[str, str])
    runs: dict[str, str] = field(default_factory=dict[str, str])
    fails: dict[str, str] = field(default_factory=dict[str, str])
    prints: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    slow: set[str] = field(default_factory=set[str])


def examples(page: str) -> Examples:
    found = Examples()
    for kind, name, slow, example, text in BLOCK.findall((DOCS / page).read_text(encoding="utf-8")):
        if kind == "prints":
            found.prints.setdefault(name, []).extend(text.splitlines())
            continue
        blocks = {"run": found.runs, "fails": found.fails, "file": found.files, "": found.files}[kind]
        blocks[name or example] = blocks.get(name or example, "") + text
        if slow:
            found.slow.add(name)
    return found


def write(folder: Path, files: Mapping[str, str]) -> None:
    for clip in CLIPS.glob("*.wav"):
        shutil.copy(clip, folder)
    for name, text in {APP: examples(FIRST).files[APP], **files}.items():
        (folder / name).write_text(text, encoding="utf-8")


def run(pytester: pytest.Pytester, names: Iterable[str]) -> tuple[pytest.RunResult, dict[str, int]]:
    result = pytester.runpytest_inprocess(
        *(
            "-p",
            "no:cacheprovider",
            "-W",
            "error",
            "--strict-markers",
            "--color=no",
            "--offhook-artifacts-dir=artifacts",
        ),
        *names,
    )
    return result, result.parseoutcomes()


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_where_the_application_of_its_examples_is(page: str) -> None:
    found = examples(page)
    text = (DOCS / page).read_text(encoding="utf-8")
    blocks = "\n".join([*found.runs.values(), *found.fails.values(), *found.files.values()])
    if APP not in found.files and f"from {APP.removesuffix('.py')} import" in blocks:
        before = text[: text.index("```")]
        assert f"]({FIRST}): put its `{APP}` and `greeting.wav`\nbeside them." in before


@pytest.mark.parametrize("page", PAGES)
def test_the_examples_pass(pytester: pytest.Pytester, page: str) -> None:
    found = examples(page)
    names = sorted(found.runs.keys() - found.slow)
    assert names, "a page without examples"
    write(pytester.path, found.files | found.runs)
    _, outcomes = run(pytester, names)
    assert outcomes.keys() == {"passed"}


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if examples(page).slow])
def test_the_examples_in_real_time_pass(pytester: pytest.Pytester, page: str) -> None:
    found = examples(page)
    write(pytester.path, found.files | found.runs)
    result, outcomes = run(pytester, sorted(found.slow))
    # A mock without the fixture has no void runs: on a busy machine, its phone may be refused for being late.
    assert outcomes.keys() <= {"passed", "void"} or (busy() and "did not let us in within" in result.stdout.str())
    assert outcomes


@pytest.mark.parametrize(
    ("page", "name"), [pytest.param(page, name, id=f"{page}-{name}") for page in PAGES for name in examples(page).fails]
)
def test_the_examples_of_failures_print_what_the_page_shows(pytester: pytest.Pytester, page: str, name: str) -> None:
    found = examples(page)
    write(pytester.path, found.files | found.fails)
    result, outcomes = run(pytester, [name])
    assert outcomes.keys() & {"failed", "errors", "error"}
    shown = found.prints.pop(name)
    printed = iter(result.stdout.lines)
    for line in shown:
        pattern = ".*".join(map(re.escape, line.split("…")))
        assert any(re.fullmatch(pattern, other.rstrip()) for other in printed), f"not printed, or not here: {line}"


ROW = re.compile(r"^\| `(\.\w+\(.*?\))` \| `(.+?)` \| ", re.MULTILINE)


def test_the_table_of_verbs_is_complete_and_says_the_same_in_python_and_in_toml(tmp_path: Path) -> None:
    rows = ROW.findall((DOCS / "script-callees.md").read_text(encoding="utf-8"))
    for clip in CLIPS.glob("*.wav"):
        shutil.copy(clip, tmp_path)
    seen: set[str] = set()
    for python, toml in rows:
        before = python.startswith(BEFORE_THE_ANSWER)
        script = CalleeScript(tmp_path) if before else CalleeScript(tmp_path).answers()
        steps = eval(f"script{python}", {"script": script}).steps
        file = tmp_path / "callees.toml"
        answer = "" if before else '"answer", '
        file.write_text(f'[[callee]]\nnumber = "{NUMBER}"\nsteps = [{answer}{toml}]\n', encoding="utf-8")
        assert load_scripts(file)[NUMBER].steps == steps, (python, toml)
        seen |= {type(step).verb for step in steps}
    assert seen == {verb.verb for verb in VERBS}


FAULT_ROW = re.compile(r"^\| `(\w+\(.*?\))` \| [^|]+ \| (yes|no) \| `(\w+)`", re.MULTILINE)


def test_the_tables_of_faults_are_complete_and_say_what_an_application_sees() -> None:
    rows = FAULT_ROW.findall((DOCS / "cause-faults.md").read_text(encoding="utf-8"))
    plugins = Plugins.load()

    async def app(offhook_mock: MockHandle, number: str) -> str:
        async with offhook_mock.phone() as phone, phone.dial(number) as call:
            await call.answered()
            await call.ended()
        return str(call.record.disposition)

    for fault, rings, sees in rows:
        with virtual_handle(MockOptions(), plugins=plugins, seed=1) as offhook_mock:
            callee = offhook_mock.callee().answers().waits(60).hangs_up()
            eval(f"faults.{fault}", {"faults": offhook_mock.faults})
            try:
                seen = offhook_mock.run(app(offhook_mock, callee.number), timeout_s=200)
            except OffhookError as error:
                seen = type(error).__name__
            assert (fault, rings, sees) == (fault, "yes" if callee.calls else "no", seen)
    assert {fault.partition("(")[0] for fault, _, _ in rows} == set(FAULT_NAMES)


def test_what_pages_show_as_printed_is_of_an_example() -> None:
    for page in PAGES:
        found = examples(page)
        assert found.prints.keys() <= found.fails.keys(), page


@pytest.mark.parametrize("mutes", [True, False])
def test_a_program_hangs_up_after_silence(mutes: bool) -> None:
    """No frames come while the callee is muted, so that the page must not count them."""
    namespace: dict[str, object] = {}
    exec(examples("write-a-program.md").files["silence.py"], namespace)
    hang_up_after_silence = cast("Callable[[Call], Awaitable[None]]", namespace["hang_up_after_silence"])

    async def program(offhook_mock: MockHandle, number: str) -> None:
        async with offhook_mock.phone() as phone, phone.dial(number) as call:
            assert await call.answered()
            await hang_up_after_silence(call)

    with virtual_handle(MockOptions(), plugins=Plugins.load(), seed=1) as offhook_mock:
        callee = offhook_mock.callee().answers().says("hello.wav")
        callee = (callee.mutes() if mutes else callee).waits(60)
        offhook_mock.run(program(offhook_mock, callee.number), timeout_s=60)
        assert callee.end is CalleeEnd.CALLER_LEFT
        assert callee.calls[0].how_ended.startswith("the caller hung up 1")
