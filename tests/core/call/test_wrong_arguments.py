"""What a phone and a call refuse, and what they say to write instead. (All public calls: tests/packaging.)"""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.core.rig import NUMBER, PLAIN, AudioKit, load, rig, run

from offhook import AnswerPolicy, CallPolicy, Phone, hookimpl
from offhook.errors import ConfigError
from offhook.interfaces import Environment, Ids
from offhook.plugin.spec import Spec
from offhook.testing import (
    FixedAuth,
    LinkedTransport,
    ListFilter,
    ListSink,
    LoopClock,
    MemoryStore,
    Resources,
    ScriptedCarrier,
    ScriptedService,
    check_call,
)

if TYPE_CHECKING:
    import os

    from offhook.interfaces import Store
    from offhook.plugin import StoreRegistry


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"policy": {"ring_timeout_s": 5}}, r"must be a CallPolicy, .*got dict\. Write CallPolicy\(\*\*policy\)"),
        ({"policy": AnswerPolicy.FIRST_AUDIO}, r"Write CallPolicy\(answer=AnswerPolicy\.FIRST_AUDIO\)"),
        ({"policy": CallPolicy}, r"got the class CallPolicy\. Did you forget the parentheses"),
        ({"carrier": ScriptedCarrier}, r"got the class ScriptedCarrier\. Did you forget the parentheses"),
        ({"carrier": "", "auth": FixedAuth()}, "no carrier is called ''"),
        ({"carrier": 0}, "carrier must be the name of an installed carrier, or an instance of Carrier, got 0"),
        ({"auth": {"key": "hunter2"}}, "auth must be the name of an installed auth, or an instance of Auth, got dict"),
        ({"transport": 5}, "transport must be the name of an installed transport, or an instance of Transport, got 5"),
        ({"clock": time}, r"clock must be a Clock, .* got the module time\. Write SystemClock\(\)"),
        ({"clock": time.monotonic}, r"Write SystemClock\(\)"),
        ({"clock": LoopClock}, r"got the class LoopClock\. Did you forget the parentheses"),
        ({"ids": 5}, r"ids must be an offhook\.interfaces\.Ids, got 5\. Write Ids\(5\)"),
        ({"ids": "x" * 90}, r"ids must be an offhook\.interfaces\.Ids, got 'x+\.\.\.'$"),
        ({"http": 5}, "http must be an asynchronous httpx transport"),
        (
            {"environment": [("A", "b")]},
            "environment must be a mapping of names to text, for example os.environ, got l",
        ),
        ({"call_limit": "5"}, r"call_limit must be a whole number of at least 1, got '5'\. Write 5 without quotes"),
        ({"call_limit": 2.0}, r"call_limit must be a whole number of at least 1, got 2\.0\. Write 2"),
        ({"call_limit": True}, "call_limit must be a whole number of at least 1, got True"),
        ({"redial_window_s": "x"}, "redial_window_s must be a finite number of seconds, 0 or more, got 'x'"),
        ({"watchdog_limit_s": "0.5"}, r"watchdog_limit_s must be a positive, .*, got '0\.5'\. Write 0\.5 without"),
        ({"watchdog_limit_s": 1e300}, "watchdog_limit_s must be a positive, .*, at most 1,000,000,000, got 1e"),
        ({"store": MemoryStore}, r"store must be a spec such as 'sqlite', .* got the class MemoryStore"),
        ({"store": [5]}, r"store must be a spec such as 'sqlite', a pathlib\.Path, a Store, several, or None, got 5"),
        ({"store": {}}, "store must be a spec .* got dict"),
        ({"plugins": "acme"}, "plugins must be a list of modules or objects with hooks, got 'acme'"),
        ({"plugins": ["acme"]}, "each of plugins must be a module .* got 'acme'. Import the module"),
        ({"plugins": math}, r"got the module math\. Write plugins=\[math\]"),
    ],
)
def test_a_phone_says_what_to_write(settings: dict[str, object], says: str) -> None:
    given = {"carrier": ScriptedCarrier(), "transport": LinkedTransport(), "environment": {}, "plugins": PLAIN}
    with pytest.raises(ConfigError, match=says):
        Phone(**given | settings)  # type: ignore[arg-type]


def test_from_env_checks_its_environment() -> None:
    with pytest.raises(ConfigError, match="environment must be a mapping of names to text"):
        Phone.from_env("SENDBLUE_API_BASE_URL=x")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("verb", "what", "says"),
    [
        (
            "source",
            ListSink(),
            r"source\(\) must be a spec .* got ListSink\. It is open already: pass it to call\.play",
        ),
        ("sink", ListSink(), r"sink\(\) must be a spec .* got ListSink\. It is open already: pass it to call\.listen"),
        ("sink", lambda frame: None, r"Pass the function to call\.listen\(\) itself"),
        ("source", lambda frame: None, "got the function <lambda>"),
        ("sink", ListSink, "got the class ListSink"),
        ("source", 5, "got 5"),
        ("sink", None, "got None"),
        ("source", "greeting.wav", "is not a spec: write NAME or NAME:ARGUMENT"),
    ],
)
def test_a_phone_opens_specs_and_paths(verb: str, what: object, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        getattr(rig(plugins=load(AudioKit())).phone, verb)(what)


def test_a_spec_is_text() -> None:
    with pytest.raises(ConfigError, match=r"the spec must be text, for example 'wav:greeting\.wav', got 5"):
        Spec.parse(5)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="registry must be a registry"):
        PLAIN.make(5, "x")  # type: ignore[arg-type]


def test_dial_refuses_before_anything_rings(tmp_path: Path) -> None:
    async def main() -> None:
        r = rig()
        for arguments, says in (
            ({"policy": {"grace_s": 1}}, r"got dict\. Write CallPolicy"),
            ({"policy": 0}, "policy must be a CallPolicy"),
            ({"redial": 1}, "redial must be True or False, got 1"),
            ({"record": 5}, "record must be a file's name or a path, for example 'heard.wav', got 5"),
            ({"record": ""}, "record must be a file's name or a path"),
            (
                {"record": tmp_path / "a.mp3"},
                r"recordings are WAV files, and '\.mp3' is not an ending of one\. Write .*a\.w",
            ),
            ({"from_number": 5}, "the number to call from must be text"),
        ):
            with pytest.raises(ConfigError, match=says):
                r.phone.dial(NUMBER, **arguments)
        with pytest.raises(ConfigError, match=r"report must be an offhook\.interfaces\.CarrierReport, got dict"):
            r.phone.report({"status": "busy"})  # type: ignore[arg-type]
        assert not r.carrier.rung
        await r.phone.aclose()

    run(main())
    assert not list(tmp_path.iterdir())


def test_a_call_refuses_other_filters_rates_and_words() -> None:
    async def main() -> None:
        r = rig(plugins=load(AudioKit()))
        r.answer(1)
        async with r.phone.dial(NUMBER) as call:
            for verb, arguments, says in (
                (call.add_filter, {"what": ListFilter}, r"got the class ListFilter\. Did you forget the parentheses"),
                (
                    call.add_filter,
                    {"what": lambda frame: frame},
                    r"Derive a class from offhook\.AudioFilter whose apply",
                ),
                (
                    call.add_filter,
                    {"what": "same", "direction": "left"},
                    "direction must be one of sent, heard, got 'l",
                ),
                (call.remove_filter, {"audio_filter": "same"}, r"Pass the filter that add_filter\(\) returned"),
                (call.remove_filter, {"audio_filter": None}, r"an instance of a subclass of AudioFilter, got None"),
                (call.audio, {"rate_hz": 0}, "rate_hz must be between 1 and 768,000 hertz, got 0"),
                (call.audio, {"rate_hz": -5}, "rate_hz must be between 1 and 768,000 hertz, got -5"),
                (call.audio, {"rate_hz": "16000"}, r"got '16000'\. Write 16000 without quotes"),
                (call.audio, {"rate_hz": 16_000.0}, r"got 16000\.0\. Write 16000"),
            ):
                with pytest.raises(ConfigError, match=says):
                    verb(**arguments)
            with pytest.raises(ConfigError, match="after must be 'playout' or None, got 'the end'"):
                await call.hang_up(after="the end")  # type: ignore[arg-type]
            assert not call.over
        assert call.record.problem == ""

    run(main())


class Places:
    """A plugin whose store ``sqlite`` notes what it was opened with."""

    def __init__(self) -> None:
        self.opened: list[str] = []

    def _open(self, argument: str, environment: Environment) -> Store:
        self.opened.append(argument)
        return MemoryStore()

    @hookimpl
    def offhook_store(self, registry: StoreRegistry) -> None:
        registry.add("sqlite", self._open)


def test_a_path_is_the_database_of_a_store() -> None:
    places = Places()
    several: list[Store | str | os.PathLike[str]] = [Path("b.db"), "sqlite:c.db"]
    for store in (Path("a.db"), several):
        Phone(carrier=ScriptedCarrier(), transport=LinkedTransport(), plugins=load(places), store=store)
    assert places.opened == ["a.db", "b.db", "c.db"]


def test_a_phone_without_arguments_names_from_env_where_a_mock_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    class Agora(ScriptedCarrier):
        def __init__(self) -> None:
            super().__init__(endpoint=None)

    monkeypatch.setenv("SENDBLUE_API_BASE_URL", "http://127.0.0.1:8080")
    with pytest.raises(ConfigError) as caught:
        Phone(carrier=Agora(), plugins=PLAIN)
    assert caught.value.message == (
        "nothing says where this phone should call: SENDBLUE_API_BASE_URL is set in this process's environment, but "
        "Phone() reads no environment: use Phone.from_env()"
    )
    with pytest.raises(ConfigError, match="no transport is called 'agora'"):
        Phone(carrier=Agora(), plugins=PLAIN, environment={})
    with pytest.raises(ConfigError, match="no transport is called 'agora'"):
        Phone(carrier=Agora(), plugins=PLAIN, transport="agora")
    monkeypatch.delenv("SENDBLUE_API_BASE_URL")
    with pytest.raises(ConfigError, match="no transport is called 'agora'"):
        Phone(carrier=Agora(), plugins=PLAIN)


def test_the_test_kit_refuses_as_well() -> None:
    async def main() -> None:
        r = rig()
        async with r.phone.dial(NUMBER) as call:
            pass
        with pytest.raises(ConfigError, match=r"a CallRecord, such as call\.record, got Call\. Pass its record"):
            check_call(call)  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match="saved must be a mapping"):
            check_call(call.record, saved=5)  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match="refuse_join must be an exception or None, got the class OSError"):
            LinkedTransport(refuse_join=OSError)  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match="far_end must be a LinkedFarEnd or None"):
            LinkedTransport(far_end=5)  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match="before must be the Resources"):
            Resources.now().more_than(5)  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match=r"environment must hold SCRIPTED_LINE: use ScriptedService\.environment"):
            ScriptedService().carrier(Environment())
        with pytest.raises(ConfigError, match=r"seed must be text, a whole number or None, got 0\.5"):
            Ids(0.5)  # type: ignore[arg-type]

    run(main())
