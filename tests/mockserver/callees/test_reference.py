"""The page on scripts: its examples work and are the same script, and its table holds every verb as it is."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import cast

from offhook_mockserver.callees.builder import CalleeScript
from offhook_mockserver.callees.script import VERBS, Script
from offhook_mockserver.callees.script_reader import METHODS
from offhook_mockserver.callees.toml import load_scripts

PAGE = (Path(__file__).parents[3] / "docs/reference/callee-scripts.md").read_text(encoding="utf-8")


def test_both_examples_are_the_same_script(tmp_path: Path) -> None:
    (python,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (toml,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, object] = {}
    exec(python, names)
    (tmp_path / "callees.toml").write_text(toml)
    assert load_scripts(tmp_path / "callees.toml") == {"+14155550190": cast("Script", names["script"])}


def test_the_table_holds_every_verb_with_its_arguments() -> None:
    rows = re.findall(r"^\| (`\w+\(.*?`) \| (`\w+`(?:, `\w+`)?) \|", PAGE, re.MULTILINE)
    python = [call for cell, _ in rows for call in re.findall(r"`(\w+)\(([^`]*)\)`", cell)]
    toml = [verb for _, cell in rows for verb in re.findall(r"`(\w+)`", cell)]
    assert set(toml) == {verb.verb for verb in VERBS}
    assert len(toml) == len(VERBS)
    methods = {getattr(method, "__name__", ""): method for method in METHODS.values()}
    assert [name for name, _ in python] == [getattr(METHODS[verb], "__name__", "") for verb in toml]
    for name, written in python:
        known = inspect.signature(methods[name]).parameters
        shown = [part.partition("=") for part in written.split(", ") if part]
        assert [argument for argument, _, _ in shown] == [parameter for parameter in known if parameter != "self"]
        for argument, _, default in shown:
            if default and known[argument].default is not None:
                assert cast("object", eval(default)) == known[argument].default, name


def test_the_builder_is_named_as_on_the_page() -> None:
    assert "CalleeScript(folder)" in PAGE
    assert "folder" in inspect.signature(CalleeScript).parameters
