"""The phone: what it is made of, by hand or by name, and how it lets go."""

from __future__ import annotations

import asyncio
import inspect
import os
import traceback
from typing import TYPE_CHECKING

import pytest
from tests.core.rig import ALONE, NUMBER, NUMBERS, PLAIN, AudioKit, RampSource, load, rig, run

from offhook import CallPolicy, CallState, Phone
from offhook.call.phone import PhoneSettings
from offhook.errors import ConfigError, MissingExtraError, NumberRejected, PluginError, SpecError, StorageError
from offhook.interfaces import DialGuard
from offhook.interfaces.ids import Ids
from offhook.plugin.hookspecs import hookimpl
from offhook.testing import FixedAuth, LinkedTransport, LoopClock, MemoryStore, ScriptedCarrier

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from offhook.interfaces import Auth, Carrier, Transport
    from offhook.plugin.registry import AuthRegistry, CarrierRegistry, StoreRegistry, TransportRegistry


class Acme:
    """A plugin with a part of each kind, all of which remember what they were made of."""

    def __init__(self, endpoint: str | None = "http://127.0.0.1:9") -> None:
        self._endpoint = endpoint
        self.made: list[tuple[object, ...]] = []
        self.stores: list[MemoryStore] = []

    @hookimpl
    def offhook_auth(self, registry: AuthRegistry) -> None:
        registry.add("env", self._auth)
        registry.add("vault", self._auth)

    @hookimpl
    def offhook_carrier(self, registry: CarrierRegistry) -> None:
        registry.add("sendblue", self._carrier)
        registry.add("broker", self._carrier)

    @hookimpl
    def offhook_transport(self, registry: TransportRegistry) -> None:
        registry.add("aiortc", lambda environment: self._transport("aiortc", environment))
        registry.add("acme", lambda environment: self._transport("acme", environment))

    @hookimpl
    def offhook_store(self, registry: StoreRegistry) -> None:
        registry.add("memory", self._store)
        registry.add("sqlite", self._store)

    def _auth(self, environment: Mapping[str, str]) -> Auth:
        self.made.append(("auth", environment.get("KEY")))
        return FixedAuth(key="x")

    def _carrier(self, environment: Mapping[str, str], auth: Auth) -> Carrier:
        self.made.append(("carrier", environment.get("KEY"), type(auth).__name__))
        return ScriptedCarrier(endpoint=self._endpoint)

    def _transport(self, name: str, environment: Mapping[str, str]) -> Transport:
        self.made.append((name, environment.get("KEY")))
        return LinkedTransport()

    def _store(self, argument: str, environment: Mapping[str, str]) -> MemoryStore:
        self.made.append(("store", argument))
        self.stores.append(MemoryStore())
        return self.stores[-1]


def test_parts_are_made_by_name_from_the_environment() -> None:
    acme = Acme()
    policy = CallPolicy(ring_timeout_s=7)
    phone = Phone.from_env({"KEY": "k", **ALONE}, plugins=load(acme), policy=policy, store="memory:calls")
    assert acme.made == [("auth", "k"), ("carrier", "k", "FixedAuth"), ("aiortc", "k"), ("store", "calls")]
    assert phone.policy is policy


def test_from_env_passes_every_argument_of_a_phone_on() -> None:
    acme, clock = Acme(), LoopClock()
    phone = Phone.from_env(
        {"KEY": "k", **ALONE}, plugins=load(acme), store=None, clock=clock, ids=Ids(1), carrier=None, auth=None
    )
    assert phone.dial(NUMBER).record.call_id == Ids(1).call_id()
    with pytest.raises(ConfigError, match="call_limit"):
        Phone.from_env(ALONE, plugins=load(acme), store=None, call_limit=0)
    with pytest.raises(ConfigError, match="redial_window_s"):
        Phone.from_env(ALONE, plugins=load(acme), store=None, redial_window_s=-1)
    arguments = inspect.signature(Phone).parameters
    assert PhoneSettings.__annotations__.keys() == arguments.keys() - {"environment"}
    given = {name: hint.__forward_arg__ for name, hint in PhoneSettings.__annotations__.items()}
    assert given == {name: arguments[name].annotation for name in given}


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    acme = Acme()
    monkeypatch.setenv("KEY", "real")
    monkeypatch.setenv("OFFHOOK_TRANSPORT", "acme")
    Phone.from_env(plugins=load(acme))
    assert acme.made[-2:] == [("acme", "real"), ("store", "")]
    Phone.from_env(plugins=load(acme), transport="aiortc", store=None)
    assert acme.made[-1] == ("aiortc", "real")


@pytest.mark.parametrize("given", [True, False])
def test_an_error_of_from_env_does_not_hold_the_environment(given: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tools print the variables of every frame of an error, and a setting may be a key."""
    secret = "sentinel-SECRET-456"
    monkeypatch.setenv("SENDBLUE_API_API_SECRET", secret)
    monkeypatch.setenv("OFFHOOK_TRANSPORT", "nope")
    with pytest.raises(SpecError) as caught:
        Phone.from_env(os.environ if given else None, plugins=load(Acme()), store=None)
    error: BaseException | None = caught.value
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if frame.f_globals["__name__"].startswith("offhook"):
                assert all(secret not in repr(value) for value in frame.f_locals.values()), frame.f_code
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize(
    ("kind", "names"), [("auth", "env, vault"), ("carrier", "broker, sendblue"), ("transport", "acme")]
)
def test_a_setting_for_a_part_that_there_is_not_is_named(kind: str, names: str) -> None:
    variable = f"OFFHOOK_{kind.upper()}"
    with pytest.raises(SpecError, match=rf"^{variable} names 'nobody', but no {kind} is called 'nobody' \(.*{names}"):
        Phone.from_env({variable: "nobody", **ALONE}, plugins=load(Acme()), store=None)


def test_settings_and_arguments_choose_the_parts() -> None:
    acme = Acme()
    settings = {"OFFHOOK_AUTH": "vault", "OFFHOOK_CARRIER": "broker", **ALONE}
    Phone.from_env(settings, plugins=load(acme), store=None)
    assert [made[0] for made in acme.made] == ["auth", "carrier", "aiortc"]
    with pytest.raises(SpecError, match=r"^no auth is called 'x'"):
        Phone.from_env(settings, plugins=load(acme), auth="x", store=None)
    with pytest.raises(SpecError, match=r"^no carrier is called 'x'"):
        Phone.from_env(settings, plugins=load(acme), carrier="x", store=None)


def test_a_phone_made_by_hand_reads_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    acme = Acme()
    monkeypatch.setenv("KEY", "real")
    monkeypatch.setenv("OFFHOOK_TRANSPORT", "acme")
    Phone(auth="vault", plugins=load(acme))
    assert acme.made == [("auth", None), ("carrier", None, "FixedAuth"), ("aiortc", None), ("store", "")]


def test_an_empty_variable_counts_as_not_set() -> None:
    acme = Acme()
    empty = {"OFFHOOK_AUTH": "", "OFFHOOK_CARRIER": "", "OFFHOOK_TRANSPORT": "", "OFFHOOK_STORE": ""}
    Phone.from_env({**empty, **ALONE}, plugins=load(acme))
    assert [made[0] for made in acme.made] == ["auth", "carrier", "aiortc", "store"]


def test_an_auth_object_goes_to_the_carrier_that_is_given_by_name() -> None:
    class Own(FixedAuth):
        pass

    acme = Acme()
    Phone(auth=Own(key="x"), plugins=load(acme))
    assert acme.made[0] == ("carrier", None, "Own")


@pytest.mark.parametrize("endpoint", [None, "https://relay.example"])
def test_without_an_agora_transport_nothing_is_dialled_to_agora(endpoint: str | None) -> None:
    with pytest.raises(SpecError, match="no transport is called 'agora'"):
        Phone(plugins=load(Acme(endpoint)))


def test_an_agora_transport_is_the_default_where_there_is_one() -> None:
    class Agora:
        @hookimpl
        def offhook_transport(self, registry: TransportRegistry) -> None:
            registry.add("agora", lambda environment: LinkedTransport(), extra="offhook[agora]", needs=("no_agora",))

    with pytest.raises(MissingExtraError, match=r"offhook\[agora\]"):
        Phone(plugins=load(Acme(None), Agora()))


def test_what_is_not_installed_is_named() -> None:
    for settings, kind in (({"auth": "x"}, "auth"), ({"carrier": "x"}, "carrier"), ({"transport": "x"}, "transport")):
        with pytest.raises(SpecError, match=f"no {kind} is called 'x'"):
            Phone(plugins=load(Acme()), **settings)  # type: ignore[arg-type]


def test_plugins_may_be_given_as_objects() -> None:
    acme = Acme()
    Phone(plugins=[acme], transport="acme", environment=ALONE, store=None)
    assert acme.made[-1] == ("acme", None)


@pytest.mark.parametrize("number", ["911", "415 555 0123", ""])
def test_a_number_that_must_not_be_dialled_makes_no_call_and_no_file(number: str, tmp_path: Path) -> None:
    r = rig()
    with pytest.raises(NumberRejected):
        r.phone.dial(number, record=tmp_path / "a.wav")
    assert list(tmp_path.iterdir()) == []


def test_a_recording_that_cannot_be_made_is_refused_before_anything_rings(tmp_path: Path) -> None:
    r = rig()
    (tmp_path / "a.wav").write_text("mine")
    for name, reason in (("a.wav", "exists already"), ("a.wav/a.wav", "is a file and not a folder"), ("a\0b", "NUL")):
        with pytest.raises(StorageError, match=reason):
            r.phone.dial(NUMBER, record=f"{tmp_path}/{name}")
    assert (tmp_path / "a.wav").read_text() == "mine"
    assert r.carrier.rung == []


def test_sources_and_sinks_are_opened_before_anything_rings() -> None:
    kit = AudioKit()
    phone = rig(plugins=load(kit)).phone
    assert isinstance(phone.source("ramp:3"), RampSource)
    assert phone.sink("recorder:a.wav") is kit.sinks["a.wav"]
    with pytest.raises(SpecError):
        phone.source("x")
    with pytest.raises(PluginError, match="failed in the factory of the audio source 'ramp': ValueError"):
        phone.source("ramp:x")


def test_leaving_the_phone_hangs_up_all_calls_at_once_and_closes_everything(tmp_path: Path) -> None:
    async def main() -> None:
        r = rig()
        r.transport.leave_gate.clear()  # each takes its full two seconds
        async with r.phone:
            calls = [r.phone.dial(number) for number in NUMBERS[:10]]
            for call in calls:
                await call.__aenter__()
            never = r.phone.dial(NUMBER, record=tmp_path / "a.wav")
        assert asyncio.get_running_loop().time() == pytest.approx(2, abs=0.01)
        assert all(call.state is CallState.ENDED for call in calls)
        assert never.over
        assert (r.transport.closed, r.carrier.closed, r.store.closed) == (True, True, True)
        await r.phone.aclose()

    run(main())
    assert list(tmp_path.iterdir()) == []


def test_everything_is_closed_even_where_closing_fails() -> None:
    class Bad(LinkedTransport):
        async def aclose(self) -> None:
            raise OSError("stuck")

    class BadStore(MemoryStore):
        def close(self) -> None:
            super().close()
            raise OSError("also stuck")

    async def main() -> None:
        r = rig(transport=Bad())
        with pytest.raises(PluginError, match="Bad' failed in aclose: OSError: stuck"):
            await r.phone.aclose()
        assert r.carrier.closed
        assert r.store.closed
        r = rig(store=BadStore())
        with pytest.raises(PluginError, match="BadStore' failed in close: OSError: also stuck"):
            await r.phone.aclose()
        assert r.transport.closed

    run(main())


def test_stores_are_closed_when_the_phone_cannot_be_made() -> None:
    class Unclosable(MemoryStore):
        def close(self) -> None:
            super().close()
            raise OSError("stuck")

    class OldGuard(MemoryStore, DialGuard):
        def claim(self, key: str, call_id: str, now_s: float, if_killed_s: float = 0.0) -> str | None:  # type: ignore[override]
            return None

        async def release(self, key: str, call_id: str, now_s: float, hold_s: float) -> None:
            pass

    acme, unclosable, guard = Acme(), Unclosable(), OldGuard()
    with pytest.raises(PluginError, match=r"OldGuard.*plain methods that must be async: claim"):
        Phone(plugins=load(acme), store=["memory:a", unclosable, guard])
    assert [store.closed for store in (*acme.stores, unclosable, guard)] == [True, True, True]


def test_a_wrong_limit_opens_no_store() -> None:
    acme = Acme()
    for limits in ({"call_limit": 0}, {"redial_window_s": -1}, {"watchdog_limit_s": "x"}):
        with pytest.raises(ConfigError, match=next(iter(limits))):
            Phone(plugins=load(acme), store="memory:a", **limits)
    assert not acme.stores


def test_a_cancelled_aclose_still_lets_go_of_everything() -> None:
    async def main() -> None:
        r = rig()
        r.transport.leave_gate.clear()
        calls = [r.phone.dial(number) for number in NUMBERS[:3]]
        for call in calls:
            await call.__aenter__()
        closing = asyncio.create_task(r.phone.aclose())
        await asyncio.sleep(0.5)
        closing.cancel()
        await asyncio.wait({closing})
        assert closing.cancelled()
        assert all(call.state is CallState.ENDED for call in calls)
        assert (r.transport.closed, r.carrier.closed, r.store.closed) == (True, True, True)

    run(main())


def test_a_phone_does_not_keep_calls_that_are_over() -> None:
    async def main() -> None:
        r = rig(transport=LinkedTransport(refuse_check=ConfigError("no")))
        for _ in range(50):
            with pytest.raises(ConfigError):
                await r.phone.dial(NUMBER).__aenter__()
        kept = len(r.phone._drivers)
        r = rig()
        for _ in range(50):
            async with r.phone.dial(NUMBER):
                pass
        assert (kept, len(r.phone._drivers)) == (1, 1)
        assert len({entry["call_id"] for entry in r.store.journal}) == 50

    run(main())


def test_a_call_does_not_ring_on_a_phone_that_was_closed() -> None:
    async def main() -> None:
        r = rig()
        await r.phone.aclose()
        with pytest.raises(Exception, match="was closed"):
            await r.phone.dial(NUMBER).__aenter__()
        assert r.carrier.rung == []

    run(main())


def test_phones_share_no_plugins() -> None:
    assert Phone(carrier=ScriptedCarrier(), transport=LinkedTransport(), environment=ALONE).plugins is not PLAIN


def test_a_setting_that_names_nothing_is_named() -> None:
    environment = {**ALONE, "OFFHOOK_TRANSPORT": "acme", "OFFHOOK_STORE": "tape:x"}
    with pytest.raises(
        SpecError, match=r"^OFFHOOK_TRANSPORT names 'acme', but no transport is called 'acme' \(installed: "
    ):
        Phone(carrier=ScriptedCarrier(), transport="acme", environment=environment)
    with pytest.raises(SpecError, match=r"^no transport is called 'other'"):
        Phone(carrier=ScriptedCarrier(), transport="other", environment=environment)
    with pytest.raises(
        SpecError, match=r"^OFFHOOK_STORE names 'tape', but no store is called 'tape' \(installed: none\)"
    ):
        Phone(carrier=ScriptedCarrier(), transport=LinkedTransport(), environment=environment)
