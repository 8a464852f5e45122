"""Nothing bypasses the one place that escapes what is printed: modules print through `offhook.cli.output` alone."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
#: These are that place: the streams, what is printed to them, and last words while the process is being ended.
ALLOWED = {
    "core/offhook/cli/streams.py": {"os.write"},
    "core/offhook/cli/output.py": {"sys.stdout.write"},
    # It may move the cursor, and escapes each text itself.
    "core/offhook/cli/call/choosing.py": {"Console"},
    "core/offhook/cli/call/live_display.py": {"live.console.print", "_console.print"},
    # It moves the cursor of a progress bar, and escapes each text itself.
    "plugins/offhook_agora/fetch/progress.py": {"Console", "_bar.console.print"},
    # To the pipe from which the parent reads it, escapes it and logs it.
    "plugins/offhook_agora/child/main.py": {"sys.stderr.write", "traceback.print_exc"},
    # Pipes and journals, not terminals.
    "core/offhook/testing/conformance/killed_child.py": {"os.write"},
    # What a plugin printed while a clause had the streams, passed on to them.
    "core/offhook/testing/conformance/descriptors.py": {"os.write"},
    "core/offhook/testing/conformance/exposure.py": {"print"},
    "plugins/offhook_jsonl/store.py": {"os.write"},
}
#: Calls that put text on a terminal, or may.
PRINTING = (
    "print typer.echo click.echo click.secho typer.secho Console console.print _console.print rich.print rprint pprint "
    "os.write stdout.write stderr.write stdout.buffer.write stderr.buffer.write __stdout__.write __stderr__.write "
    "traceback.print_exc traceback.print_exception print_stack sys.displayhook"
).split()


def printing(text: str) -> Iterator[str]:
    """The calls in a module that print by themselves, as they are written."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).replace("(file or sys.stdout)", "sys.stdout")
            if any(name == way or name.endswith(f".{way}") for way in PRINTING):
                yield name.removeprefix("self.")


@pytest.mark.parametrize("folder", ["core/offhook", "core/offhook_wire", "mockserver", "plugins"])
def test_modules_print_through_one_place(folder: str) -> None:
    found = {
        str(path.relative_to(ROOT)): calls
        for path in sorted((ROOT / folder).rglob("*.py"))
        if (calls := set(printing(path.read_text(encoding="utf-8"))))
    }
    assert found == {path: calls for path, calls in ALLOWED.items() if path.startswith(folder)}


@pytest.mark.parametrize(
    "text",
    [
        "print('x')",
        "typer.echo('x')",
        "click.secho('x')",
        "sys.stdout.write('x')",
        "sys.stderr.buffer.write(b'x')",
        "sys.__stdout__.write('x')",
        "os.write(1, b'x')",
        "rich.print('x')",
        "Console().print('x')",
        "traceback.print_exc()",
    ],
)
def test_each_other_way_is_found(text: str) -> None:
    assert list(printing(text))
