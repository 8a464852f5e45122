"""The page of assumed behaviours names every setting with its default and its other values."""

from __future__ import annotations

import re
from dataclasses import fields
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from tests.mockserver.tenants.scene import call, mock_with, on

from offhook_mockserver.callees.script import Decline
from offhook_mockserver.server import ErrorBody, InProcessMock, TenantSettings

if TYPE_CHECKING:
    import pytest

PAGE = (Path(__file__).parents[3] / "docs/reference/assumed.md").read_text(encoding="utf-8")
#: These assume nothing about Sendblue.
OUR_OWN = {"webhook_url", "keep_audio_s", "lenient"}


def rows() -> dict[str, list[str]]:
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line[:3] == "| `"]
    return {row[0].strip("`"): row[1:] for row in cells}


def test_each_setting_has_a_row_with_its_default() -> None:
    defaults = TenantSettings()
    for item in fields(TenantSettings):
        if item.name in OUR_OWN:
            assert f"`{item.name}`" in PAGE
            continue
        value = getattr(defaults, item.name)
        shown = value.value if isinstance(value, Enum) else value
        assert rows()[item.name][0] == f"`{shown}`", item.name
        if isinstance(value, Enum):
            others = {member.value for member in type(value)} - {shown}
            assert set(re.findall(r"`(\w+)`", rows()[item.name][1])) == others


def test_each_shape_has_a_row() -> None:
    assert {shape.value for shape in ErrorBody} <= rows().keys()


def test_the_fields_of_the_event_are_listed() -> None:
    async def test(mock: InProcessMock) -> set[str]:
        call(mock)
        return set((await mock.tenant.journal.wait_for(kind="call_log", timeout_s=9)).fields)

    section = PAGE[PAGE.index("## The `call_log` event") : PAGE.index("## The statuses")]
    listed = set(re.findall(r"`(\w+)`", section[section.index("`event_type`") :].partition("\n\n")[0]))
    settings = TenantSettings(call_log=True, join_window_s=1)
    assert listed == on(lambda: mock_with(Decline(), settings=settings), test)


def test_the_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(example, "assumed.md", "exec"), {})
    assert capsys.readouterr().out.startswith("assumed the callee (uid ")
