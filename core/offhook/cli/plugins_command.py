"""``offhook plugins``: what is installed, from where, what is missing and how to get it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from offhook.plugins import Plugins

if TYPE_CHECKING:
    from offhook.registry import Registry


def plugins_command() -> None:
    """Show what is installed, from which distribution, what is missing and how to get it."""
    plugins = Plugins.load(commands=True)
    typer.echo("plugins")
    for report in plugins.reports:
        state = report.problem or ", ".join(report.hooks)
        typer.echo(f"  {report.name:<12} {report.distribution} {report.version}: {state}")
    for registry in plugins.registries():
        typer.echo(f"\n{registry.kind}")
        _show(registry)


def _show(registry: Registry[object]) -> None:
    for item in sorted(registry, key=lambda item: item.name):
        missing = ""
        if item.missing:
            missing = f'  MISSING {", ".join(item.missing)}: pip install "{item.extra or item.missing[0]}"'
        typer.echo(f"  {item.name:<12} {item.summary or '-'} [{item.plugin}]{missing}")
