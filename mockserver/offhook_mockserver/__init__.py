"""The mock of the other side: Sendblue's API, the channel, and callees who do what a script says.

It registers the commands ``mock`` and ``demo``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook.hookspecs import hookimpl

if TYPE_CHECKING:
    from offhook.registry import CommandRegistry


@hookimpl
def offhook_command(registry: CommandRegistry) -> None:
    # These modules import typer, which offhook always has, and what the commands need only when they run.
    from offhook_mockserver.commands import mock
    from offhook_mockserver.demo_command import demo

    needs = ("aiortc", "av", "numpy", "soundfile", "soxr", "starlette", "uvicorn", "websockets")
    summary = "Run a mock of Sendblue, with callees who answer, talk and hang up."
    registry.add("mock", mock, summary=summary, extra="offhook[mock]", needs=needs)
    summary = "Place a call to a simulated callee on this machine, and show it."
    registry.add("demo", demo, summary=summary, extra="offhook[mock]", needs=needs)
