"""docs/reference/hooks.md says of each hook what hookspecs.py says, and each of its examples is a plugin that works."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from tests.core.call.test_long_calls import Mortal
from tests.core.rig import ALONE, load, rig, run

from offhook import CallPolicy, CallRecord, CallState, LegState, TimelineEntry
from offhook.errors import OffhookError
from offhook.interfaces.diagnosis import Level
from offhook.interfaces.dialing import DialRequest
from offhook.interfaces.environment import Environment
from offhook.interfaces.grant import Grant
from offhook.plugin import hookspecs, registry
from offhook.plugin.hookspecs import hookimpl
from offhook.plugin.manager import Plugins
from offhook.plugin.registry import Registry
from offhook.secret import Secret
from offhook.testing import FixedAuth

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.plugin.hooks import Hooks

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/hooks.md").read_text(encoding="utf-8")
HOOKS: dict[str, Callable[..., object]] = {
    name: spec for name, spec in vars(hookspecs).items() if name.startswith("offhook_")
}
#: What the factories in the examples are called with.
ARGUMENTS: dict[str, tuple[object, ...]] = {
    "offhook_auth": (Environment(),),
    "offhook_carrier": (Environment(), FixedAuth()),
    "offhook_transport": (Environment(),),
    "offhook_audio_filter": ("", 16_000),
    "offhook_resampler": (48_000, 16_000),
    "offhook_store": ("", Environment()),
    "offhook_archive": ("", Environment()),
    "offhook_far_end": (),
}
#: What the hooks in the examples refuse.
ANSWERS = {
    "offhook_before_dial": (
        "+1415•••0199 was not dialled: plugin 'example_of_offhook_before_dial (given to the phone)' says 'this number "
        "is not on the list'"
    ),
    "offhook_renew_grant": "no plugin returned a fresh grant for this call",
}


def sections() -> dict[str, str]:
    """The sections that are about a hook, by their headings."""
    found = re.split(r"^## (\w+)$", PAGE, flags=re.MULTILINE)
    return {head: text for head, text in zip(found[1::2], found[2::2], strict=True) if head.startswith("offhook_")}


def blocks(text: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def signatures() -> dict[str, str]:
    tree = ast.parse(inspect.getsource(hookspecs))
    return {
        node.name: f"def {node.name}({ast.unparse(node.args)}) -> {ast.unparse(node.returns)}: ...\n"
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.returns is not None
    }


def example(hook: str) -> ModuleType:
    """The second block of a hook's section as a module."""
    module = ModuleType(f"example_of_{hook}")
    exec(compile(blocks(sections()[hook])[1], f"the example of {hook}", "exec"), module.__dict__)
    return module


def test_there_is_a_section_for_every_hook_and_for_nothing_else_in_the_order_of_the_code() -> None:
    assert list(sections()) == list(HOOKS) == list(signatures())


@pytest.mark.parametrize("hook", HOOKS)
def test_the_signature_is_the_one_in_the_code(hook: str) -> None:
    assert blocks(sections()[hook])[0] == signatures()[hook]


@pytest.mark.parametrize("hook", HOOKS)
def test_the_example_is_a_plugin_that_answers_the_hook(hook: str, capsys: pytest.CaptureFixture[str]) -> None:
    plugins = Plugins.load([example(hook)], ALONE, commands=True)
    assert plugins.reports[-1].hooks == [hook]
    taken = [kind for kind in plugins.registries() if kind.hook == hook]
    for kind in taken:
        names = [item.name for item in kind]
        assert names
        for name in names:
            factory: Any = kind.find(name)
            if hook == "offhook_command":
                factory("you")
                assert capsys.readouterr().out == "hello you\n"
            elif hook == "offhook_diagnosis":
                levels = [[found.level for found in factory(Environment(given))] for given in ({}, {"ACME_URL": "x"})]
                assert levels == [[Level.WRONG], [Level.FINE]]
            else:
                assert isinstance(factory(*ARGUMENTS.get(hook, ("",))), interface_of(kind))
    if not taken:
        assert run(ask(plugins.hooks, hook)) == ANSWERS.get(hook, "")


async def ask(hooks: Hooks, hook: str) -> str:
    """Call one hook as a call does; returns what was refused or went wrong."""
    failed: list[OffhookError] = []
    record = CallRecord("c1", "+1415•••0123", "")
    entry = TimelineEntry(0.0, "x", CallState.ACTIVE, LegState.CONNECTED)
    try:
        match hook:
            case "offhook_before_dial":
                await hooks.before_dial(DialRequest("c1", "+14155550199", "", 0.0))
            case "offhook_renew_grant":
                await hooks.renew_grant("c1", Grant("0" * 32, "lobby", Secret("token of a hook"), 0), failed.append)
            case "offhook_call_created":
                hooks.call_created("c1", record.number, failed.append)
            case "offhook_call_transition":
                hooks.call_transition("c1", entry, failed.append)
            case _:
                hooks.call_ended("c1", record, failed.append)
    except OffhookError as error:
        return error.message
    return "; ".join(error.message for error in failed)


def factory_alias(kind: Registry[Any]) -> str:
    """The type of a registry's factories, as it is written in registry.py: ``Callable[[str], AudioSource]``."""
    tree = ast.parse(inspect.getsource(registry))
    aliases = {
        ast.unparse(node.target): node.value for node in tree.body if isinstance(node, ast.AnnAssign) and node.value
    }
    annotation = HOOKS[kind.hook].__annotations__["registry"]
    (name,) = re.findall(r"Registry\[(\w+)\]", ast.unparse(aliases[annotation]))
    return str(ast.literal_eval(aliases[name])) if name != "Command" else "Callable[..., None]"


def interface_of(kind: Registry[Any]) -> type:
    from offhook import interfaces
    from offhook.interfaces import far_end

    name = re.findall(r", (\w+)\]$", factory_alias(kind))[0]
    found: type = getattr(interfaces, name, None) or getattr(far_end, name)
    return found


def test_what_a_factory_takes_and_gives_is_what_the_code_says() -> None:
    for kind in Plugins().registries():
        flat = " ".join(sections()[kind.hook].split())
        assert f"`{factory_alias(kind)}`" in flat, kind.hook


def test_what_a_registry_takes_is_what_the_code_says() -> None:
    (shown,) = re.findall(r"^registry\.add\((.*)\)$", PAGE, re.MULTILINE)
    parameters = list(inspect.signature(Registry.add).parameters.values())[1:]
    assert [part.partition("=")[0] for part in shown.split(", ")] == [item.name for item in parameters]
    assert f"registry.add({shown})" == "registry.add({})".format(
        ", ".join(
            item.name if item.default is item.empty else f"{item.name}={item.default!r}".replace("'", '"')
            for item in parameters
        )
    )


def test_the_diagram_shows_the_order_in_which_hooks_are_called() -> None:
    called: list[str] = []

    def recording(hook: str) -> object:
        arguments = ", ".join(inspect.signature(HOOKS[hook]).parameters)
        made: dict[str, Any] = {"called": called}
        exec(f"def {hook}({arguments}): called.append({hook!r})", made)
        return hookimpl(made[hook])

    plugin = ModuleType("recording")
    vars(plugin).update({hook: recording(hook) for hook in HOOKS})

    async def main() -> None:
        Plugins.load([plugin], ALONE, commands=True)
        commands = ["offhook_command", "offhook_diagnosis"]
        assert called[-2:] == commands, "the last of those that register"
        phone = rig(policy=CallPolicy(renew_before_s=10), carrier=Mortal(40), plugins=load(plugin))
        assert [called.count(hook) for hook in commands] == [1, 1], "a phone does not call the command line's hooks"
        phone.answer(1)
        async with phone.phone.dial("+14155550123") as call:
            await call.answered()
            await call.ended()

    run(main())
    (diagram,) = re.findall(r"```mermaid\n(.*?)```", PAGE, re.DOTALL)
    assert re.findall(r"O->>P: (\w+)", diagram) == list(dict.fromkeys(called))
    assert called.count("offhook_call_created") == called.count("offhook_call_ended") == 1
    assert called.count("offhook_call_transition") > 5
    assert called[-1] == "offhook_call_ended"
