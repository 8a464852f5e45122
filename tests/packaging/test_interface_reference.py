"""docs/reference/interfaces.md is about every interface, shows its methods, and its examples make a call together."""

from __future__ import annotations

import ast
import asyncio
import builtins
import importlib.util
import inspect
import re
import runpy
from array import array
from pathlib import Path
from typing import Any

import pytest
from tests.core.rig import ALONE, NUMBER, run

from offhook import Phone, hookimpl, interfaces
from offhook.errors import ConfigError, DoubleDial, StorageError, TransportUnavailable
from offhook.interfaces.environment import Environment
from offhook.interfaces.grant import Grant
from offhook.interfaces.ids import Ids
from offhook.plugin.manager import Plugins
from offhook.secret import Secret
from offhook.testing import LoopClock

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/interfaces.md").read_text(encoding="utf-8")
RULES: dict[str, tuple[str, list[str]]] = runpy.run_path(str(ROOT / "docs/interface_rules.py"))["RULES"]


#: What plugins implement; the far ends have a page of their own.
INTERFACES = sorted(
    name
    for name, value in vars(interfaces).items()
    if name in interfaces.__all__ and "far_end" not in getattr(value, "__module__", "")
    if inspect.isabstract(value) or name == "LegHandler"
)


def _load() -> Any:
    spec = importlib.util.spec_from_file_location("interface_examples", ROOT / "docs/interface_examples.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


examples: Any = _load()


def sections() -> dict[str, str]:
    found = re.split(r"^## (\w+)$", PAGE, flags=re.MULTILINE)
    return dict(zip(found[1::2], found[2::2], strict=True))


def test_there_is_a_section_for_every_interface_and_for_nothing_else() -> None:
    assert sorted(sections()) == sorted(RULES) == INTERFACES


@pytest.mark.parametrize("name", INTERFACES)
def test_the_section_shows_every_method_with_its_parameters(name: str) -> None:
    interface = getattr(interfaces, name)
    methods = {
        method: [*inspect.signature(value).parameters]
        for method, value in vars(interface).items()
        if inspect.isfunction(value) and not method.startswith("_")
    }
    shown = re.findall(rf"^### {name}\.(\w+)\n\n```python\n(async def|def) \w+\((.*)\) ->", sections()[name], re.M)
    assert {method: _names(parameters) for method, _, parameters in shown} == methods
    for method, word, _ in shown:
        assert (word == "async def") == inspect.iscoroutinefunction(getattr(interface, method)), method


@pytest.mark.parametrize("name", INTERFACES)
def test_the_example_has_its_imports(name: str) -> None:
    code = re.findall(r"```python\n(.*?)```", sections()[name], re.DOTALL)[-1]
    module = {example: getattr(examples, example) for example, _ in RULES.values()}
    exec(compile(code, f"the example of {name}", "exec"), module)
    tree = ast.parse(code)
    made = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    made |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    made |= {node.name or "" for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler)}
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert used - made - module.keys() - vars(builtins).keys() == set()


def _names(parameters: str) -> list[str]:
    return re.findall(r"(?:^|, )(\w+)", re.sub(r"\[[^]]*\]", "", parameters))


@pytest.mark.parametrize("name", [name for name in INTERFACES if name != "LegHandler"])
def test_the_example_is_one(name: str) -> None:
    assert issubclass(getattr(examples, RULES[name][0]), getattr(interfaces, name))


class Guarded(examples.ExampleStore, examples.ExampleGuard):  # type: ignore[misc]  # loaded from docs/
    """What the example of a guard recommends."""

    def __init__(self, argument: str, environment: Environment) -> None:
        examples.ExampleStore.__init__(self, argument, environment)
        examples.ExampleGuard.__init__(self)


class Everything:
    """A plugin that adds each of the examples."""

    @hookimpl
    def offhook_auth(self, registry: Any) -> None:
        registry.add("acme", examples.ExampleAuth)

    @hookimpl
    def offhook_carrier(self, registry: Any) -> None:
        registry.add("acme", examples.ExampleCarrier)

    @hookimpl
    def offhook_transport(self, registry: Any) -> None:
        registry.add("acme", lambda environment: examples.ExampleTransport())

    @hookimpl
    def offhook_audio_source(self, registry: Any) -> None:
        registry.add("clicks", examples.ExampleSource)

    @hookimpl
    def offhook_audio_sink(self, registry: Any) -> None:
        registry.add("raw", examples.ExampleSink)

    @hookimpl
    def offhook_audio_filter(self, registry: Any) -> None:
        registry.add("half", lambda argument, rate_hz: examples.ExampleFilter())

    @hookimpl
    def offhook_resampler(self, registry: Any) -> None:
        registry.add("live", examples.ExampleResampler)
        registry.add("file", examples.ExampleResampler)

    @hookimpl
    def offhook_store(self, registry: Any) -> None:
        registry.add("folder", Guarded)

    @hookimpl
    def offhook_archive(self, registry: Any) -> None:
        registry.add("folder", examples.ExampleArchive)


def test_the_examples_make_a_call_together(tmp_path: Path) -> None:
    async def main() -> None:
        settings = Environment({**ALONE, "ACME_KEY": "k", "OFFHOOK_STORE": f"folder:{tmp_path}"}, clock=LoopClock())
        plugins = Plugins.load([Everything()], settings)
        phone = Phone(
            carrier="acme",
            auth="acme",
            transport="acme",
            store=f"folder:{tmp_path}",
            plugins=plugins,
            environment=settings,
            clock=LoopClock(),
            ids=Ids(1),
            redial_window_s=60,
        )
        async with phone, phone.dial(NUMBER) as call:
            assert await call.answered()
            call.add_filter("half")
            heard = asyncio.create_task(call.record_for(2, phone.sink(f"raw:{tmp_path / 'heard.pcm'}")))
            await call.play("clicks:50").done()
            await heard
            with pytest.raises(DoubleDial):
                await phone.dial(NUMBER).__aenter__()
        assert call.record.disposition == "completed", call.record.problem
        assert call.record.counters["frames_sent"] >= 100
        samples = array("h", (tmp_path / "heard.pcm").read_bytes())
        assert samples.count(10_000) == 50, "every click came back"
        archive = plugins.archive(f"folder:{tmp_path}", settings)
        assert archive.record(call.record.call_id) == archive.records()[0]
        assert len(archive.journal(call.record.call_id)) > 5
        assert archive.journal("none") == []
        archive.close()

    run(main())


def test_the_examples_refuse_what_cannot_work(tmp_path: Path) -> None:
    async def main() -> None:
        environment = Environment()
        with pytest.raises(ConfigError, match="ACME_KEY"):
            await examples.ExampleCarrier(environment, examples.ExampleAuth(environment)).check()
        with pytest.raises(TransportUnavailable):
            await examples.ExampleTransport().check(None)
        (tmp_path / "file").touch()
        for make in (examples.ExampleSink, lambda argument: examples.ExampleStore(argument, environment)):
            with pytest.raises(StorageError):
                make(str(tmp_path / "file" / "below"))
        handler = examples.ExampleLegHandler()
        leg = await examples.ExampleTransport().join(Grant("0" * 32, "c", Secret("t"), 0), handler)
        await asyncio.sleep(0)
        assert len(handler.events) == 2
        await leg.leave()
        await leg.leave()
        source = examples.ExampleSource("1")
        leg.send(await source.read())
        assert await source.read() is None
        assert (handler.audio, leg.counters()) == ([], {"frames_sent": 1})

    run(main())


def test_the_example_of_a_resampler_is_exact_in_length() -> None:
    for from_hz, to_hz in ((48_000, 16_000), (16_000, 44_100)):
        resampler = examples.ExampleResampler(from_hz, to_hz)
        given = b"".join(resampler.convert(bytes(2 * size)) for size in (1, 0, 479, 960, 7)) + resampler.flush()
        assert len(given) // 2 == 1447 * to_hz // from_hz
