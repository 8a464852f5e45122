"""Registries: names are unique, factories are lazy, and an error for a missing package says what to install."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from offhook.errors import MissingExtraError, PluginError, SpecError
from offhook.interfaces.clock import SystemClock
from offhook.interfaces.environment import Environment
from offhook.interfaces.ids import Ids
from offhook.plugin.registry import Registry


def make() -> Callable[[], object]:
    """A new factory."""
    return lambda: None


def registry() -> Registry[Callable[[], object]]:
    made = Registry[Callable[[], object]]("transport", "offhook_transport")
    made.plugin = "acme (acme-offhook 1.0)"
    return made


def test_a_factory_is_found_by_its_name() -> None:
    transports, factory = registry(), make()
    transports.add("carrier-pigeon", factory, summary="slow")
    assert transports.find("carrier-pigeon") is factory
    (item,) = transports
    assert (item.name, item.plugin, item.summary, item.missing) == (
        "carrier-pigeon",
        "acme (acme-offhook 1.0)",
        "slow",
        (),
    )


def test_a_name_is_taken_once_and_the_error_names_both() -> None:
    transports, first = registry(), make()
    transports.add("pigeon", first)
    transports.plugin = "bird (bird-offhook 2.0)"
    with pytest.raises(PluginError) as raised:
        transports.add("pigeon", make())
    assert raised.value.message == (
        "plugin 'bird (bird-offhook 2.0)' failed in offhook_transport: "
        "'pigeon' is taken by plugin 'acme (acme-offhook 1.0)': choose another name, or disable that plugin as "
        "a whole with OFFHOOK_DISABLE_PLUGINS=acme (read: offhook docs hooks#what-a-registry-takes)"
    )
    assert transports.find("pigeon") is first


@pytest.mark.parametrize("first", ["", "Kit (given to the phone)", "offhook (built in)"])
def test_a_plugin_that_cannot_be_disabled_is_not_offered_for_it(first: str) -> None:
    transports = registry()
    transports.plugin = first
    transports.add("pigeon", make())
    transports.plugin = "bird (bird-offhook 2.0)"
    with pytest.raises(PluginError, match=r": choose another name \(read: "):
        transports.add("pigeon", make())


def test_a_name_that_is_nearly_right_is_suggested() -> None:
    transports = registry()
    transports.add("pigeon", make())
    with pytest.raises(
        SpecError, match=r"^no transport is called 'pidgeon'; did you mean pigeon\? \(installed: pigeon\)"
    ):
        transports.find("pidgeon")


def test_an_unknown_name_lists_the_known_ones() -> None:
    transports = registry()
    with pytest.raises(SpecError, match=r"^no transport is called 'x' \(installed: none\); see: offhook plugins$"):
        transports.find("x")
    transports.add("b", make())
    transports.add("a", make())
    with pytest.raises(SpecError, match=r"\(installed: a, b\)"):
        transports.find("x\n")


@pytest.mark.parametrize("need", ["no_such_module_at_all", "no_such_module_at_all.sub", "json.no_such_module"])
def test_a_missing_need_is_a_missing_extra(need: str) -> None:
    transports = registry()
    transports.add("pigeon", make(), extra="offhook[pigeon]", needs=("json", need))
    transports.add("crow", make(), needs=(need,))
    with pytest.raises(MissingExtraError, match=r'the transport \'pigeon\' needs .* pip install "offhook\[pigeon\]"'):
        transports.find("pigeon")
    with pytest.raises(MissingExtraError) as raised:
        transports.find("crow")
    assert (raised.value.extra, raised.value.missing) == ("", (need,))
    assert [item.missing for item in transports] == [(need,), (need,)]


def test_the_factories_of_a_plugin_can_be_removed() -> None:
    transports = registry()
    transports.add("a", make())
    transports.plugin = "other"
    transports.add("b", make())
    transports.forget("other")
    assert [item.name for item in transports] == ["a"]


def test_a_hint_says_how_to_get_a_name_that_was_not_added() -> None:
    transports = registry()
    transports.hint("memory", "pass a mock to the phone")
    with pytest.raises(SpecError, match=r"^the transport 'memory' is not available here: pass a mock to the phone$"):
        transports.find("memory")
    factory = make()
    transports.add("memory", factory)
    assert transports.find("memory") is factory


def test_one_plugin_adds_a_name_once() -> None:
    transports = registry()
    transports.add("memory", make())
    with pytest.raises(PluginError, match="it adds 'memory' twice"):
        transports.add("memory", make())


async def make_later() -> object:
    return None


@pytest.mark.fault("F39")
@pytest.mark.parametrize(
    ("added", "says"),
    [
        ({"name": "Carrier Pigeon"}, "'Carrier Pigeon' is not a valid name"),
        ({"name": ""}, "'' is not a valid name"),
        ({"name": "9lives"}, "is not a valid name"),
        ({"name": "x" * 65}, "is not a valid name"),
        ({"name": 7}, "'7' is not a valid name"),
        ({"factory": None}, "the factory of 'pigeon' is NoneType, not a function or a class"),
        ({"factory": make_later}, "the factory of 'pigeon' is async"),
        ({"summary": None}, "summary and extra of 'pigeon' must be str"),
        ({"extra": ("offhook[pigeon]",)}, "summary and extra of 'pigeon' must be str"),
        ({"needs": "acme_sdk"}, "needs of 'pigeon' must be a tuple"),
        ({"needs": (None,)}, "needs of 'pigeon' must be a tuple"),
        ({"needs": ("",)}, "needs of 'pigeon' must be a tuple"),
    ],
)
def test_invalid_arguments_are_rejected_at_registration(added: dict[str, object], says: str) -> None:
    transports = Registry[Callable[[], object]]("transport", "offhook_transport")
    transports.plugin = "acme (acme-offhook 1.0)"
    with pytest.raises(
        PluginError, match=r"^plugin 'acme \(acme-offhook 1.0\)' failed in offhook_transport: "
    ) as raised:
        transports.add(**{"name": "pigeon", "factory": make(), **added})  # type: ignore[arg-type]
    assert says in raised.value.message
    assert raised.value.see == "hooks#what-a-registry-takes"
    assert list(transports) == []


def test_a_factory_that_the_program_adds_belongs_to_the_program() -> None:
    transports = registry()
    transports.plugin = ""
    transports.add("pigeon", make())
    assert transports.plugin_of("pigeon") == "the program"


def test_an_environment_holds_variables_and_shared_parts() -> None:
    clock, ids, way = SystemClock(), Ids(1), httpx.AsyncHTTPTransport()
    environment = Environment({"KEY": "k"}, clock=clock, ids=ids, http=way)
    assert dict(environment) == {"KEY": "k"}
    assert len(environment) == 1
    assert (environment.clock, environment.ids, environment.http) == (clock, ids, way)
    bare = Environment()
    assert dict(bare) == {}
    assert bare.http is None
    assert bare.clock.wall_s() > 0
