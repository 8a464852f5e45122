"""``offhook doctor``: the findings of all checks, for troubleshooting and for bug reports."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from offhook.cli.doctor.diagnosis import diagnose
from offhook.cli.exit_codes import ExitCode
from offhook.cli.output import print_json, print_line
from offhook.interfaces.diagnosis import Level
from offhook.interfaces.environment import Environment
from offhook.secret import redact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from offhook.interfaces.diagnosis import Finding
    from offhook.plugin.manager import Plugins


def doctor_command(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Check this installation, and report what is wrong with it: plugins, packages, settings, folders.

    No value of a setting is shown. Exit codes: 0 nothing is wrong, 1 something is.
    """
    plugins: Plugins = context.obj
    stdout = sys.stdout  # a check that hangs leaves it redirected
    findings = diagnose(plugins, Environment.of_process())
    wrong = sum(finding.level is Level.WRONG for finding in findings)
    if as_json:
        print_json({"wrong": wrong, "findings": [_document(finding) for finding in findings]}, stdout)
    else:
        for finding in findings:
            for line in _lines(finding):
                print_line(redact(line), stdout)
        print_line(file=stdout)
        print_line({0: "nothing is wrong", 1: "1 thing is wrong"}.get(wrong, f"{wrong} things are wrong"), stdout)
    if wrong:
        raise typer.Exit(ExitCode.FAILED)


def _lines(finding: Finding) -> Iterator[str]:
    mark = finding.level.value.upper() if finding.level is Level.WRONG else finding.level.value
    yield f"{mark:<6}{finding.subject}: {finding.text}"
    for line in finding.lines:
        yield f"        {line}"


def _document(finding: Finding) -> dict[str, object]:
    return {
        "topic": redact(finding.subject),
        "level": finding.level.value,
        "text": redact(finding.text),
        "lines": [redact(line) for line in finding.lines],
    }
