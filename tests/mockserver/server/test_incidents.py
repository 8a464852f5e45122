"""The log of incidents is bounded: a line for each kind in a minute, whatever clients do."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from offhook_mockserver.server.incidents import Incident, Incidents

if TYPE_CHECKING:
    import pytest


def test_a_kind_is_logged_once_a_minute_with_the_number_of_the_others(caplog: pytest.LogCaptureFixture) -> None:
    now = 100.0
    incidents = Incidents(lambda: now)
    for _ in range(1000):
        incidents.note(Incident.UNREAD)
    incidents.note(Incident.TURNED_AWAY)
    now += 60.0
    incidents.note(Incident.UNREAD)
    assert incidents.counts == {Incident.UNREAD: 1001, Incident.TURNED_AWAY: 1}
    assert [record.getMessage() for record in caplog.records] == [
        Incident.UNREAD.value,
        Incident.TURNED_AWAY.value,
        f"{Incident.UNREAD.value} (999 more since the last such line)",
    ]


def test_uvicorns_lines_are_limited_and_those_that_any_client_can_cause_are_dropped(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    log = Incidents(lambda: 0.0).uvicorn_log
    log.info('%s - "WebSocket %s" [accepted]', "127.0.0.1:1", "/relay/events?sid=secret")
    log.warning("Invalid HTTP request received.")
    log.error("Exception in ASGI application\n", exc_info=asyncio.CancelledError())
    for _ in range(100):
        log.error("Exception in ASGI application\n", exc_info=ZeroDivisionError("ours"))
    assert [(record.name, record.exc_info[0]) for record in caplog.records if record.exc_info] == [
        ("uvicorn.error.offhook_mock", ZeroDivisionError)
    ]
    assert len(caplog.records) == 1
