"""``offhook plugins``: what is installed, from where, what is missing and how to get it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from offhook.plugin.manager import PluginReport, Plugins
    from offhook.plugin.registry import Registry


def plugins_command(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Show what is installed, from which distribution and file, what is missing and how to get it."""
    plugins: Plugins = context.obj
    if as_json:
        typer.echo(json.dumps(_document(plugins)))
        return
    typer.echo("plugins")
    for report in plugins.reports:
        for line in _lines(report):
            typer.echo(line)
    for note in plugins.notes:
        typer.echo(f"  {note}")
    for registry in plugins.registries():
        typer.echo(f"\n{registry.kind}")
        _show(registry)


def _lines(report: PluginReport) -> list[str]:
    where = f" [{report.module} {report.origin}]" if report.module else ""
    state = report.problem or ", ".join(report.hooks)
    return [
        f"  {report.name:<12} {report.distribution} {report.version}: {state}{where}",
        *(f"{'':<15}{note}" for note in report.notes),
    ]


def _show(registry: Registry[object]) -> None:
    for item in sorted(registry, key=lambda item: item.name):
        missing = ""
        if item.missing:
            missing = f"  MISSING {', '.join(item.missing)}: {item.cure}"
        typer.echo(f"  {item.name:<12} {item.summary or '-'} [{item.plugin}]{missing}")


def _document(plugins: Plugins) -> dict[str, object]:
    return {
        "plugins": [asdict(report) for report in plugins.reports],
        "notes": plugins.notes,
        "parts": [
            {
                "kind": registry.kind,
                "name": item.name,
                "plugin": item.plugin,
                "summary": item.summary,
                "missing": list(item.missing),
                "extra": item.extra,
            }
            for registry in plugins.registries()
            for item in sorted(registry, key=lambda item: item.name)
        ],
    }
