"""The clock of a tenant over the control API."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.mockserver.faces.control.control_client import ControlClient, T, controlled

if TYPE_CHECKING:
    from offhook_mockserver.server import InProcessMock

CLOCK = f"{T}/clock"


def test_the_clock_is_read_advanced_and_set() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        before = await client.ok("GET", CLOCK)
        assert (before["ahead_s"], before["wall_offset_s"]) == (0, 0)
        assert before["wall"] == "2026-11-18T11:06:40.000Z"
        moved = await client.ok("POST", CLOCK, {"advance_s": 3600})
        assert (moved["ahead_s"], moved["wall_s"] - before["wall_s"]) == (3600, 3600)
        assert mock.tenant.clock.ahead_s == 3600
        by_name = await client.ok("POST", CLOCK, {"set_wall": "2030-01-01T00:00:00Z"})
        assert by_name["wall"] == "2030-01-01T00:00:00.000Z"
        by_number = await client.ok("POST", CLOCK, {"set_wall_s": before["wall_s"]})
        assert by_number["wall_s"] == before["wall_s"]
        assert len(mock.tenant.journal.search(kind="clock")) == 3

    controlled(test)


def test_a_refusal_names_the_field_of_the_request() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        for name, value in {"advance_s": -5, "set_wall_s": -1}.items():
            answer = await client.post(CLOCK, json={name: value})
            assert answer.json()["error"]["message"].startswith(f"{name} must be"), answer.text

    controlled(test)


@pytest.mark.parametrize(
    "body",
    [
        {"advance_s": 0},
        {"advance_s": -5},
        {"advance_s": 1e12},
        {"set_wall_s": -1},
        {"set_wall_s": 1e12},
        {"set_wall": "2200-01-01T00:00:00Z"},
        {"set_wall": "0001-01-01T00:00:00Z"},
    ],
)
def test_a_time_that_cannot_be_is_refused(body: object) -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        assert (await client.refused("POST", CLOCK, body))[:2] == (422, "invalid")
        assert mock.tenant.clock.ahead_s == 0

    controlled(test)
