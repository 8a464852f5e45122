"""The tests that the page about virtual time shows pass as they stand, with two imports beside pytest."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offhook.testing import run_virtual
from offhook_mockserver.callees.numbers import HELLO
from offhook_mockserver.testkit import mock

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from offhook_mockserver.testkit import MockHandle

PAGE = (Path(__file__).parents[3] / "docs/how-to/test-with-virtual-time.md").read_text(encoding="utf-8")
#: The whole tests of the page; other examples are parts of programs.
PROGRAMS = [code for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "async def test_" in code]


@pytest.mark.parametrize("program", PROGRAMS)
def test_an_example_passes(program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(HELLO, tmp_path / "hello.wav")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Callable[[], Coroutine[object, object, None]]] = {}
    exec(compile(program, "page.py", "exec"), names)
    (test,) = (value for name, value in names.items() if name.startswith("test_"))
    run_virtual(test())


def test_the_example_with_the_fixture_passes() -> None:
    (program,) = (code for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "(offhook_mock)" in code)
    names: dict[str, Callable[[MockHandle], None]] = {}
    exec(compile(program, "page.py", "exec"), names)
    (test,) = (value for name, value in names.items() if name.startswith("test_"))
    with mock(virtual=True) as handle:
        test(handle)
        assert handle.calls[0].over


def test_the_page_needs_two_modules_of_ours() -> None:
    assert len(PROGRAMS) == 2
    taken = set(re.findall(r"^from (offhook\S*) import", "\n".join(PROGRAMS), re.MULTILINE))
    assert taken == {"offhook.testing", "offhook_mockserver.server"}
