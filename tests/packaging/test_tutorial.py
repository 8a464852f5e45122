"""The files that the tutorial has its reader write are those of the example. Its commands are run by `nox -s wheel`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.packaging.tutorial import PAGE, Differs, blocks, check_printed, commands, compare, files, write

if TYPE_CHECKING:
    from pathlib import Path


def project(page: str, folder: Path) -> Path:
    for block in blocks(page):
        if block.kind in {"file", "append"}:
            write(block, folder)
    return folder


def test_the_files_of_the_page_are_those_of_the_example(tmp_path: Path) -> None:
    compare(project(PAGE.read_text(encoding="utf-8"), tmp_path))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (("_TONE_HZ: Final = 700", "_TONE_HZ: Final = 701"), "source.py"),
        (("tests/test_auth.py -->", "a.py -->"), "a.py"),
    ],
)
def test_a_page_that_differs_is_noticed(tmp_path: Path, change: tuple[str, str], named: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert change[0] in page
    with pytest.raises(Differs, match=named):
        compare(project(page.replace(*change), tmp_path))


def test_a_block_that_cannot_be_read_is_noticed() -> None:
    with pytest.raises(Differs, match="1 blocks are marked"):
        blocks("<!-- run -->\n\n```console\n$ true\n```\n")


def test_what_a_command_prints_is_compared_line_by_line_and_in_order() -> None:
    ((command, expected),) = commands("$ offhook plugins\n  morse   a text\n…\nit … well\n")
    check_printed(command, "morse a text\nmore\nit went well\n", expected)
    for printed in ("morse a text\n", "it went well\nmorse a text\n"):
        with pytest.raises(Differs, match="it … well"):
            check_printed(command, printed, expected)


def test_what_tools_leave_is_no_part_of_a_project(tmp_path: Path) -> None:
    for name in ("a.py", "__pycache__/a.pyc", ".pytest_cache/README.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    assert files(tmp_path) == {"a.py"}
