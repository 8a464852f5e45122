"""Plugins are loaded one by one, and a broken one does not affect the others. The distributions are real, on disk."""

from __future__ import annotations

import functools
import math
import sys
import types
from typing import TYPE_CHECKING, NoReturn

import pytest
from tests.core.conftest import GOOD
from tests.core.rig import ALONE, AudioKit, RampSource, load, run

from offhook import CallRecord, Phone
from offhook.cli.doctor.added import add_checks
from offhook.cli.doctor.diagnosis import diagnose
from offhook.errors import ConfigError, MissingExtraError, OffhookError, PluginError, SpecError
from offhook.interfaces.diagnosis import Level
from offhook.interfaces.environment import Environment
from offhook.plugin.discovery import REQUIRE_VARIABLE
from offhook.plugin.hookspecs import hookimpl
from offhook.plugin.isolation import name_of
from offhook.plugin.manager import DISABLE_VARIABLE, Plugins
from offhook.secret import Secret
from offhook.testing import LinkedTransport, ListFilter, MemoryStore, ScriptedCarrier

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from pathlib import Path

    from offhook.plugin.manager import PluginReport
    from offhook.plugin.registry import CarrierRegistry, SourceRegistry, StoreRegistry


def reports(plugins: Plugins) -> dict[str, PluginReport]:
    """By name, without those that the repository itself installs."""
    return {report.name: report for report in plugins.reports if report.distribution != "offhook"}


def test_an_installed_plugin_is_loaded_by_its_entry_point(install: Callable[..., str]) -> None:
    install("acme", version="2.1")
    plugins = load()
    report = reports(plugins)["acme"]
    assert (report.distribution, report.version, report.hooks, report.problem) == (
        "acme-offhook",
        "2.1",
        ["offhook_carrier"],
        "",
    )
    (carrier,) = plugins.carriers
    assert (carrier.name, carrier.plugin, carrier.summary) == ("acme", "acme (acme-offhook 2.1)", "of acme")
    assert report not in plugins.problems


@pytest.mark.fault("F39")
@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("import no_such_sdk", "ModuleNotFoundError: No module named 'no_such_sdk'"),
        ("raise SystemExit(1)", "SystemExit: 1"),
        ("def broken(:", "SyntaxError: invalid syntax"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        (
            """
            from offhook.plugin import hookimpl
            @hookimpl
            def offhook_carriers(registry): ...
            """,
            "offhook has no hook of this name; did you mean offhook_carrier? (read: offhook docs hooks)",
        ),
        (
            """
            from offhook.plugin import hookimpl
            @hookimpl
            def offhook_carrier(registry, colour): ...
            """,
            "colour",
        ),
        (
            """
            from offhook.plugin import hookimpl
            @hookimpl
            def offhook_carrier(registry):
                registry.add("half", print)
                raise RuntimeError("then it broke")
            """,
            "RuntimeError: then it broke",
        ),
    ],
)
def test_a_broken_plugin_is_left_out_and_the_others_go_on(install: Callable[..., str], code: str, problem: str) -> None:
    install("bad", code)
    install("zebra")
    plugins = load(AudioKit())
    assert problem in reports(plugins)["bad"].problem
    assert [report.name for report in plugins.problems if report.distribution != "offhook"] == ["bad"]
    assert [carrier.name for carrier in plugins.carriers] == ["zebra"]
    assert [source.name for source in plugins.sources] == ["ramp"]


def test_a_problem_holds_no_secret(install: Callable[..., str]) -> None:
    secret = Secret("sesame-open-up")
    install("bad", "raise ValueError('key sesame-open-up is wrong')")
    assert reports(load())["bad"].problem == "ValueError: key [secret] is wrong"
    assert secret


def test_a_duplicate_name_is_an_error_that_names_both_distributions(install: Callable[..., str]) -> None:
    install("first")
    install("second", GOOD.replace("{name}", "first"), version="3.0")
    plugins = load()
    assert reports(plugins)["second"].problem == (
        "it failed in offhook_carrier: "
        "'first' is taken by plugin 'first (first-offhook 1.0)': choose another name, or disable that plugin as a "
        "whole with OFFHOOK_DISABLE_PLUGINS=first (read: offhook docs hooks#what-a-registry-takes)"
    )
    (carrier,) = plugins.carriers
    assert carrier.plugin == "first (first-offhook 1.0)"


def test_of_two_plugins_of_one_name_the_second_is_left_out(install: Callable[..., str]) -> None:
    install("acme", distribution="acme-one")
    install("acme", GOOD.replace("{name}", "other"), distribution="acme-two")
    plugins = load()
    first, second = (report for report in plugins.reports if report.name == "acme")
    assert not first.problem
    assert second.problem == (
        f"it failed in registration: its name is taken by plugin '{first.label}': rename its entry point, or disable "
        "that plugin with OFFHOOK_DISABLE_PLUGINS=acme@acme-one "
        "(read: offhook docs hooks#a-plugin)"
    )
    (disabled, theirs) = (
        report
        for report in load_with({DISABLE_VARIABLE: f"{ALONE[DISABLE_VARIABLE]},acme@acme-one"}).reports
        if report.name == "acme"
    )
    assert (disabled.disabled, theirs.problem) == (True, "")
    assert len(list(plugins.carriers)) == 1
    assert plugins.hooks.order()["offhook_carrier"] == [first.label]


def test_a_plugin_can_be_disabled(install: Callable[..., str]) -> None:
    install("acme", "raise SystemExit('it was imported')")
    install("zebra")
    plugins = load_with({DISABLE_VARIABLE: f"{ALONE[DISABLE_VARIABLE]}, acme "})
    assert reports(plugins)["acme"].problem == f"not loaded: {DISABLE_VARIABLE} names it"
    assert [carrier.name for carrier in plugins.carriers] == ["zebra"]


@pytest.mark.fault("F39")
def test_no_phone_is_made_without_a_plugin_that_is_required(install: Callable[..., str]) -> None:
    install("acme", "raise SystemExit('it was imported')")
    install("zebra")

    def phone(required: str) -> Phone:
        environment = {**ALONE, REQUIRE_VARIABLE: required}
        return Phone(carrier=ScriptedCarrier(), transport=LinkedTransport(), environment=environment)

    phone("zebra, ")
    with pytest.raises(ConfigError, match="names 'acme', which is not loaded: SystemExit: it was imported"):
        phone("zebra,acme")
    with pytest.raises(ConfigError, match="names 'acne', which is not loaded: no plugin has that name; see: offhook"):
        phone("acne")
    with pytest.raises(ConfigError, match=f"'sqlite', which is not loaded: not loaded: {DISABLE_VARIABLE} names it"):
        phone("sqlite")


def load_with(environment: dict[str, str]) -> Plugins:
    return Plugins.load((), environment)


def test_the_process_environment_is_read_by_default(
    install: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    install("acme", "raise SystemExit('it was imported')")
    monkeypatch.setenv(DISABLE_VARIABLE, f"{ALONE[DISABLE_VARIABLE]},acme")
    assert reports(Plugins.load())["acme"].problem == f"not loaded: {DISABLE_VARIABLE} names it"


class Observer:
    def __init__(self, name: str, seen: list[object]) -> None:
        self._name, self._seen = name, seen

    @hookimpl
    def offhook_call_ended(self, call_id: str) -> None:  # a hook may name fewer arguments than there are
        self._seen.append((self._name, call_id))


def test_two_plugins_of_one_class_are_two_plugins() -> None:
    seen: list[object] = []
    plugins = load(Observer("a", seen), Observer("b", seen))
    assert not [report for report in plugins.reports[-2:] if report.problem]
    failed: list[OffhookError] = []
    plugins.hooks.call_ended("call_1", CallRecord("call_1", "", ""), failed.append)
    assert seen == [("a", "call_1"), ("b", "call_1")]
    assert [report.label for report in plugins.reports[-2:]] == [
        "Observer (given to the phone)",
        "Observer-2 (given to the phone)",
    ]


def test_a_module_or_an_object_may_have_the_method_of_something_else_as_a_hook() -> None:
    seen: list[object] = []
    module, holder = types.ModuleType("acme"), types.SimpleNamespace(seen=seen)
    module.__dict__["offhook_call_ended"] = Observer("a", seen).offhook_call_ended
    holder.offhook_call_ended = Observer("b", seen).offhook_call_ended
    failed: list[OffhookError] = []
    load(module, holder).hooks.call_ended("call_1", CallRecord("call_1", "", ""), failed.append)
    assert (seen, failed) == ([("a", "call_1"), ("b", "call_1")], [])


def test_a_hook_that_wraps_a_function_is_judged_by_the_arguments_of_that_function() -> None:
    def inner(colour: str) -> None: ...

    @hookimpl
    @functools.wraps(inner)
    def offhook_carrier(registry: CarrierRegistry) -> None: ...

    module = types.ModuleType("acme")
    module.__dict__["offhook_carrier"] = offhook_carrier
    with pytest.raises(PluginError, match="it requires colour; this hook passes registry"):
        load(module)


def test_the_same_object_twice_is_rejected() -> None:
    observer = Observer("a", [])
    with pytest.raises(PluginError, match="the same object is registered already, as 'Observer'"):
        load(observer, observer)


class Wrong:
    """Plugins with typical mistakes."""

    class RaisesInRegistration:
        @hookimpl
        def offhook_auth(self, registry: object) -> None:
            raise RuntimeError("no licence")

    class UnknownHook:
        @hookimpl
        def offhook_nonsense(self) -> None: ...

    class UnknownArgument:
        @hookimpl
        def offhook_call_ended(self, recordx: object) -> None: ...

    class Async:
        @hookimpl
        async def offhook_call_ended(self, record: object) -> None: ...

    class Unmarked:
        def offhook_call_ended(self, record: object) -> None: ...

    class OneUnmarked:
        @hookimpl
        def offhook_call_ended(self, record: object) -> None: ...

        def offhook_before_dial(self, request: object) -> str:
            return "this rule was never asked"

    class ByName:
        @hookimpl
        def offhook_before_dial(self, *, request: object) -> None: ...

    class Wrapper:
        @hookimpl(wrapper=True)
        def offhook_call_ended(self, record: object) -> Generator[None, None, None]:
            yield

    class Exits:
        @hookimpl
        def offhook_auth(self, registry: object) -> None:
            raise SystemExit(1)

    class Panics:
        @hookimpl
        def offhook_auth(self, registry: object) -> None:
            raise Panic("in native code")

    class GivesACoroutine:
        @hookimpl
        def offhook_auth(self, registry: object) -> object:
            return nothing()

    class Unspeakable:
        @hookimpl
        def offhook_auth(self, registry: object) -> None:
            raise Unspeakable

    class RaisesWhenItIsLookedAt:
        @property
        def offhook_auth(self) -> object:
            raise OSError("not now")


class Panic(BaseException):
    """As native code raises, through PyO3 for one."""


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text either")


async def nothing() -> None: ...


@pytest.mark.fault("F39")
@pytest.mark.parametrize(
    ("plugin", "says"),
    [
        (Wrong.RaisesInRegistration(), "no licence"),
        (Wrong.UnknownHook(), r"failed in offhook_nonsense: offhook has no hook of this name \(read: "),
        (Wrong.OneUnmarked(), "failed in offhook_before_dial: it is not marked and would never be called"),
        (Wrong.ByName(), "request is keyword-only; this hook passes request"),
        (Wrong.Wrapper(), "it is a wrapper"),
        (Wrong.Exits(), "failed in offhook_auth: SystemExit: 1"),
        (Wrong.Panics(), "failed in offhook_auth: Panic: in native code"),
        (Wrong.GivesACoroutine(), "failed in offhook_auth: it returned a coroutine"),
        (Wrong.Unspeakable(), r"failed in offhook_auth: Unspeakable: \(its text cannot be shown\)"),
        (Wrong.RaisesWhenItIsLookedAt(), "OSError: not now"),
        (Observer, "failed in offhook_call_ended: it is a method of a class: pass an instance"),
        (Wrong.UnknownArgument(), "recordx"),
        (Wrong.Async(), "it is async"),
        (Wrong.Unmarked(), "hookimpl"),
        (object(), "it implements no hook: decorate its functions with offhook.hookimpl"),
    ],
)
def test_a_plugin_that_is_passed_to_the_phone_must_work(plugin: object, says: str) -> None:
    with pytest.raises(PluginError, match=says) as raised:
        load(plugin)
    assert raised.value.plugin.endswith("(given to the phone)")


@pytest.mark.parametrize("plugin", [5, None, "acme", b"acme", 0.5])
def test_a_plugin_that_is_passed_to_the_phone_is_an_object(plugin: object) -> None:
    with pytest.raises(ConfigError, match="each of plugins must be a module or an object with hooks, got "):
        load(plugin)


@pytest.mark.parametrize("plugins", [5, None, "acme", math, {}, Observer])
def test_plugins_are_passed_in_a_list(plugins: Iterable[object]) -> None:
    with pytest.raises(ConfigError, match="plugins must be a list of modules or objects with hooks, got "):
        Plugins.load(plugins, ALONE)


def test_a_given_plugin_does_not_push_out_an_installed_one_of_its_name(install: Callable[..., str]) -> None:
    install("Observer", GOOD.replace("{name}", "observer"))
    plugins = load(Observer("a", []))
    assert [carrier.name for carrier in plugins.carriers] == ["observer"]
    assert plugins.hooks.order()["offhook_call_ended"] == ["Observer-2 (given to the phone)"]
    assert not [report for report in reports(plugins).values() if report.problem]


def test_a_factory_that_is_added_after_loading_belongs_to_the_program() -> None:
    plugins = load(AudioKit())
    plugins.sources.add("mine", lambda argument: RampSource(1))
    assert plugins.sources.plugin_of("mine") == "the program"
    assert isinstance(plugins.source("mine"), RampSource)


def test_what_is_installed_can_be_taken_from_plugins_that_were_loaded_before(install: Callable[..., str]) -> None:
    install("acme")
    before = Plugins.load()
    install("later")
    assert list(reports(Plugins.load(beside=before))) == ["acme"]
    with pytest.raises(ConfigError, match=r"beside must be what Plugins\.load\(\) returned, got list"):
        Plugins.load(beside=[])  # type: ignore[arg-type]


def test_two_loads_share_nothing() -> None:
    kit = AudioKit()
    with_kit, without = load(kit), load()
    assert [source.name for source in with_kit.sources] == ["ramp"]
    assert list(without.sources) == []


class Broken:
    """Registers factories that fail in every way."""

    @hookimpl
    def offhook_audio_source(self, registry: SourceRegistry) -> None:
        registry.add("ours", self.ours)
        registry.add("theirs", self.theirs)
        registry.add("absent", self.theirs, extra="offhook[absent]", needs=("no_such_sdk",))
        registry.add("exits", lambda argument: self.raising(SystemExit(1)))
        registry.add("panics", lambda argument: self.raising(Panic("in native code")))
        registry.add("interrupted", lambda argument: self.raising(KeyboardInterrupt()))
        registry.add("nothing", lambda argument: None)  # type: ignore[arg-type, return-value]
        registry.add("later", lambda argument: nothing())  # type: ignore[arg-type, return-value]

    @hookimpl
    def offhook_store(self, registry: StoreRegistry) -> None:
        registry.add("theirs", self.theirs)

    @hookimpl
    def offhook_carrier(self, registry: CarrierRegistry) -> None:
        registry.add("theirs", self.theirs)

    def ours(self, argument: str) -> RampSource:
        raise OffhookError(f"not {argument}")

    def raising(self, error: BaseException) -> NoReturn:
        raise error

    def theirs(self, *arguments: object) -> NoReturn:
        raise ImportError("libfoo.so.1: cannot open shared object file")


def test_specs_open_what_they_name() -> None:
    async def main() -> None:
        plugins = load(AudioKit())
        source = plugins.source("ramp:3")
        frame = await source.read()
        assert frame is not None
        assert frame.samples == 3
        assert plugins.sink("recorder:a.wav") is plugins.sink("recorder:a.wav")
        audio_filter = plugins.filter("same:x", 16_000)
        assert isinstance(audio_filter, ListFilter)
        assert audio_filter.apply(frame) is frame
        assert plugins.resampler("live", 8_000, 16_000).convert(b"\1\0") == b"\1\0\1\0"

    run(main())


@pytest.mark.fault("F39")
def test_an_error_of_a_factory_names_the_plugin() -> None:
    plugins = load(Broken())
    with pytest.raises(OffhookError, match="not x"):
        plugins.source("ours:x")
    for call in (plugins.source, plugins.store):
        with pytest.raises(PluginError, match=r"Broken \(given to the phone\).*ImportError: libfoo") as raised:
            call("theirs:x")
        assert isinstance(raised.value.__cause__, ImportError)
    for name, what in (("exits", "SystemExit: 1"), ("panics", "Panic: in native code")):
        with pytest.raises(PluginError, match=rf"failed in the factory of the audio source '{name}': {what}"):
            plugins.source(name)
    for name, what in (("nothing", "got NoneType; expected"), ("later", "got a coroutine")):
        with pytest.raises(PluginError, match=rf"in the factory of the audio source '{name}': {what}") as odd:
            plugins.source(name)
        assert odd.value.see == "interfaces#audiosource"
    with pytest.raises(KeyboardInterrupt):
        plugins.source("interrupted")
    with pytest.raises(MissingExtraError, match=r"offhook\[absent\]"):
        plugins.source("absent")
    with pytest.raises(SpecError, match="no store is called"):
        plugins.store("absent")
    with pytest.raises(SpecError, match="no audio filter is called"):
        plugins.filter("absent", 16_000)
    with pytest.raises(SpecError, match="no resampler is called"):
        plugins.resampler("live", 1, 2)


def test_a_store_without_an_archive_cannot_be_read_again() -> None:
    class Tape:
        @hookimpl
        def offhook_store(self, registry: StoreRegistry) -> None:
            registry.add("tape", lambda argument, environment: MemoryStore())

    plugins = load(Tape())
    with pytest.raises(SpecError, match=r"the store 'tape' can be written but not read \(.* be read: none\)"):
        plugins.archive("tape:x")
    with pytest.raises(SpecError, match="no archive is called 'disk'"):
        plugins.archive("disk")


@pytest.mark.fault("F39")
def test_our_plugins_load_first_and_can_be_disabled(install: Callable[..., str]) -> None:
    install(
        "aaa",
        """
        from offhook.plugin import hookimpl

        @hookimpl
        def offhook_transport(registry):
            registry.add("aiortc", lambda environment: None)
        """,
    )
    others = "sendblue,agora,audio,jsonl,sqlite,mockserver"
    refused = reports(load_with({DISABLE_VARIABLE: others}))["aaa"].problem
    assert "failed in offhook_transport: 'aiortc' is taken by plugin 'aiortc (offhook " in refused
    assert "or disable that plugin as a whole with OFFHOOK_DISABLE_PLUGINS=aiortc (read" in refused
    instead = load_with({DISABLE_VARIABLE: f"{others},aiortc"})
    assert [(item.name, item.plugin) for item in instead.transports] == [("aiortc", "aaa (aaa-offhook 1.0)")]


def test_the_error_for_an_unknown_name_mentions_misspelt_hooks() -> None:
    class Misspelt:
        @hookimpl
        def offhook_call_ended(self) -> None: ...

        def offhook_audio_sorce(self) -> None: ...

    plugins = load(Misspelt())
    with pytest.raises(SpecError) as raised:
        plugins.source("chirp:1")
    assert raised.value.message.endswith(
        "Misspelt: Misspelt (given to the phone): offhook_audio_sorce is named like a hook, but offhook has no such "
        "hook; did you mean offhook_audio_source?"
    )
    add_checks(plugins.diagnosis, lambda: plugins)
    odd = [finding for finding in diagnose(plugins, Environment()) if "no such hook" in finding.text]
    assert [finding.level for finding in odd] == [Level.WRONG]


def test_the_error_for_an_unknown_name_mentions_plugins_that_were_left_out(install: Callable[..., str]) -> None:
    install("bad", "import no_such_sdk")
    with pytest.raises(SpecError, match=r"Left out: bad \(bad-offhook 1.0\): ModuleNotFoundError: No module"):
        load().store("bad")


def test_problems_are_logged_for_programs(install: Callable[..., str], caplog: pytest.LogCaptureFixture) -> None:
    install("bad", "import no_such_sdk")
    install("empty", "offhook_nothing = print")
    plugins = load_with({DISABLE_VARIABLE: f"{ALONE[DISABLE_VARIABLE]},aiotrc,x"})
    assert [record.getMessage() for record in caplog.records] == plugins.complaints
    assert plugins.complaints == [
        "plugin bad (bad-offhook 1.0) was left out: ModuleNotFoundError: No module named 'no_such_sdk'",
        "plugin empty (empty-offhook 1.0): offhook_nothing is named like a hook, but offhook has no such hook",
        "plugin empty (empty-offhook 1.0): it implements no hook",
        "OFFHOOK_DISABLE_PLUGINS names 'aiotrc', but no plugin has that name; did you mean aiortc?",
        "OFFHOOK_DISABLE_PLUGINS names 'x', but no plugin has that name; installed: agora, aiortc, audio, bad, empty, "
        "jsonl, mockserver, sendblue, sqlite",
    ]


def test_a_report_says_where_a_plugin_is_from(install: Callable[..., str], tmp_path: Path) -> None:
    module, bad = install("acme"), install("bad", "def sign():\n    return 1 / 0\nsign()")
    plugins = load(Observer("a", []))
    acme, broken, given = reports(plugins)["acme"], reports(plugins)["bad"], plugins.reports[-1]
    assert (acme.module, acme.origin) == (module, str(tmp_path / f"{module}.py"))
    assert (given.module, given.origin) == (__name__, __file__)
    path = tmp_path / f"{bad}.py"
    assert broken.traceback == [f"{path}:3 in <module>: sign()", f"{path}:2 in sign: return 1 / 0"]


def test_the_order_in_which_plugins_are_asked_can_be_chosen() -> None:
    class First(Observer):
        @hookimpl(tryfirst=True)
        def offhook_call_ended(self, call_id: str) -> None: ...

    class Last(Observer):
        @hookimpl(trylast=True)
        def offhook_call_ended(self, call_id: str) -> None: ...

    plugins = load(Last("a", []), Observer("b", []), First("c", []))
    names = [label.partition(" ")[0] for label in plugins.hooks.order()["offhook_call_ended"]]
    assert names == ["First", "Observer", "Last"]


def test_where_a_part_is_from_is_in_its_errors(install: Callable[..., str]) -> None:
    module = install(
        "acme",
        """
        from offhook.plugin import hookimpl

        class Sign: ...

        @hookimpl
        def offhook_audio_source(registry):
            registry.add("sign", lambda argument: 1 / 0)
        """,
    )
    plugins = load()
    below = type("Sign", (), {"__module__": f"{module}.signs"})
    assert name_of(sys.modules[module].Sign()) == f"{module}.Sign (acme-offhook 1.0)"
    assert name_of(below()) == f"{module}.signs.Sign (acme-offhook 1.0)"
    assert name_of(type("Sign", (), {"__module__": f"{module}s"})()) == f"{module}s.Sign"
    with pytest.raises(
        PluginError,
        match=r"plugin 'acme \(acme-offhook 1.0\)' failed in the factory of the audio source 'sign': "
        rf"ZeroDivisionError: .* \({module}.py:\d+\)$",
    ):
        plugins.source("sign")
