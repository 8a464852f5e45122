"""What a plugin's functions are called and take is looked at; see test_plugins.py for what is refused."""

from __future__ import annotations

import pluggy
import pytest

from offhook.plugin.hook_checks import HOOKS, check_hooks
from offhook.plugin.hookspecs import hookimpl, offhook_carrier
from offhook.plugin.report import PluginReport


class Future:
    """Written for a version of offhook with more hooks, and it says so."""

    @hookimpl(optionalhook=True)
    def offhook_teleport(self, registry: object) -> None: ...

    @hookimpl
    def offhook_call_ended(self, call_id: str, *rest: object, more: int = 1, **others: object) -> None: ...

    offhook_carrier = staticmethod(offhook_carrier)
    offhook_version = "1.0"

    def offhook_transports(self) -> None: ...


@pytest.mark.fault("F39")
def test_a_function_that_only_looks_like_a_hook_is_noted() -> None:
    report = PluginReport("future")
    assert check_hooks(Future(), report, pluggy.PluginManager("offhook")) == ["offhook_call_ended"]
    assert report.notes == [
        "offhook_transports is named like a hook, but offhook has no such hook; did you mean offhook_transport?"
    ]


def test_the_hooks_are_those_of_the_specification() -> None:
    assert HOOKS["offhook_renew_grant"] == ("call_id", "grant")
    assert all(name.startswith("offhook_") for name in HOOKS)
    assert len(HOOKS) == 17
