"""docs/reference/heard.md has every question and every figure, and its examples do what it says."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from offhook.testing.audio import Heard

PAGE = (Path(__file__).parents[3] / "docs/reference/heard.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def rows(section: str) -> list[str]:
    """The first cells of the table in a section."""
    text = PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| `(.+?)` \|", text, re.M)


def test_every_question_is_there_with_its_arguments() -> None:
    questions = {
        f"{name}({', '.join(str(it).partition(':')[0] + _default(it) for it in _parameters(name))})"
        for name, method in inspect.getmembers(Heard, inspect.isfunction)
        if method.__annotations__.get("return") == "Verdict" and not name.startswith("_")
    }
    assert set(rows("Questions")) == questions


def test_every_figure_is_there() -> None:
    figures = {name for name, value in vars(Heard).items() if isinstance(value, property)}
    assert {row.partition("(")[0] for row in rows("Figures")} == figures | {"gaps", "delay_of"}


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples(example: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(example, "heard.md", "exec"), {})
    printed = capsys.readouterr().out
    assert f"```text\n{printed}```" in PAGE if printed else "print" not in example


def _parameters(name: str) -> list[inspect.Parameter]:
    return list(inspect.signature(getattr(Heard, name)).parameters.values())[1:]


def _default(parameter: inspect.Parameter) -> str:
    return "" if parameter.default is inspect.Parameter.empty else f"={parameter.default}"
