"""Whether the machine has room for calls, as the doctor shows it."""

from __future__ import annotations

from offhook.cli.doctor.load import load_finding, load_findings
from offhook.interfaces import Level


def test_a_loop_is_measured_and_the_limits_are_shown() -> None:
    (finding,) = load_findings()
    assert finding.subject == "load"
    assert "is late by " in finding.text
    assert "later than 20 ms, and call_limit is " in finding.text


def test_a_busy_machine_is_noted_and_is_not_wrong() -> None:
    assert load_finding(0.2).level is Level.FINE
    assert load_finding(20.1).level is Level.NOTE
    assert load_finding(20.1).text.endswith("Other programs keep this machine busy")
