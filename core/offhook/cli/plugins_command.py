"""``offhook plugins``: which plugins and parts are installed, where they are from, and what they lack."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from offhook.cli.output import print_json, print_line

if TYPE_CHECKING:
    from offhook.plugin.manager import PluginReport, Plugins
    from offhook.plugin.registry import Registry


def plugins_command(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """List plugins with their distributions and files, the parts that they add, and the packages that parts lack."""
    plugins: Plugins = context.obj
    if as_json:
        print_json(_document(plugins))
        return
    print_line("plugins")
    for report in plugins.reports:
        for line in _lines(report):
            print_line(line)
    for note in plugins.notes:
        print_line(f"  {note}")
    for item in plugins.unreadable:
        print_line(f"  {item}")
    for registry in plugins.registries():
        print_line()
        print_line(registry.kind)
        _show(registry)


def _lines(report: PluginReport) -> list[str]:
    where = f" [{report.module} {report.origin}]" if report.module else ""
    state = report.problem or ", ".join(report.hooks)
    distribution = f"{report.distribution} {report.version}".rstrip()
    return [
        f"  {report.name:<12} {distribution}: {state}{where}",
        *(f"{'':<15}{note}" for note in report.notes),
    ]


def _show(registry: Registry[object]) -> None:
    for item in sorted(registry, key=lambda item: item.name):
        missing = ""
        if item.missing:
            missing = f"  MISSING {', '.join(item.missing)}: {item.cure}"
        print_line(f"  {item.name:<12} {item.summary or '-'} [{item.plugin}]{missing}")


def _document(plugins: Plugins) -> dict[str, object]:
    return {
        "plugins": [asdict(report) for report in plugins.reports],
        "notes": plugins.notes,
        "unreadable": [{"where": item.where, "reason": item.reason} for item in plugins.unreadable],
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
