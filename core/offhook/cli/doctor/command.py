"""``offhook doctor``: what one needs to know in a bad night, and in a bug report."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Annotated

import typer

from offhook.cli.doctor.diagnosis import Level, diagnose
from offhook.cli.exit_codes import ExitCode
from offhook.secret import redact

if TYPE_CHECKING:
    from offhook.cli.doctor.diagnosis import Finding
    from offhook.plugin.manager import Plugins


def doctor_command(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Look at this installation and say what is wrong with it: plugins, packages, settings, folders.

    No value of a setting is shown. Exit codes: 0 nothing is wrong, 1 something is.
    """
    plugins: Plugins = context.obj
    findings = diagnose(plugins, os.environ)
    wrong = sum(finding.level is Level.WRONG for finding in findings)
    if as_json:
        typer.echo(redact(json.dumps({"wrong": wrong, "findings": [_document(finding) for finding in findings]})))
    else:
        for finding in findings:
            typer.echo(redact("\n".join(_lines(finding))))
        sentence = (
            "nothing is wrong" if not wrong else "1 thing is wrong" if wrong == 1 else f"{wrong} things are wrong"
        )
        typer.echo(f"\n{sentence}")
    if wrong:
        raise typer.Exit(ExitCode.FAILED)


def _lines(finding: Finding) -> list[str]:
    mark = finding.level.value.upper() if finding.level is Level.WRONG else finding.level.value
    return [f"{mark:<6}{finding.topic}: {finding.text}", *(f"        {line}" for line in finding.lines)]


def _document(finding: Finding) -> dict[str, object]:
    return {
        "topic": finding.topic,
        "level": finding.level.value,
        "text": finding.text,
        "lines": list(finding.lines),
    }
