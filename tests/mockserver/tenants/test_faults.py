"""Faults as objects: how they are made, matched, counted and undone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from offhook.errors import ConfigError
from offhook_mockserver.tenants.effects import GrantFlaw, HttpEffect, ReplacedAnswer
from offhook_mockserver.tenants.fault_register import MOST_FAULTS
from offhook_mockserver.tenants.faults import FAULT_NAMES, Faults, arguments_of, summary_of

if TYPE_CHECKING:
    from offhook_mockserver.tenants.fault import Fault

NUMBER, OTHER = "+14155550101", "+14155550102"


def taken(faults: Faults, to: str | None = NUMBER) -> int | None:
    effect = faults.take(HttpEffect, "asked", to, None)
    assert effect is None or isinstance(effect, ReplacedAnswer)
    return None if effect is None else effect.status


def test_a_fault_is_active_until_its_block_ends_and_counts_its_applications() -> None:
    faults = Faults()
    with faults.status(500) as fault:
        assert fault.active
        assert faults.active == (fault,)
        assert faults.find(fault.id) is fault
        assert [taken(faults), taken(faults)] == [500, 500]
    assert not fault.active
    assert (fault.count, faults.active, taken(faults)) == (2, (), None)
    fault.undo()
    assert fault.count == 2


def test_a_fault_with_a_limit_ends_by_itself() -> None:
    faults = Faults()
    fault = faults.status(500, times=2)
    assert [taken(faults), taken(faults), taken(faults)] == [500, 500, None]
    assert (fault.count, fault.active, faults.active) == (2, False, ())


def test_limited_faults_make_a_sequence_before_the_latest_of_the_others() -> None:
    faults = Faults()
    faults.status(500)
    faults.status(501)
    assert str(faults.status(502, times=1)).endswith("with 502, at most once")
    faults.status(503, times=1)
    assert [taken(faults) for _ in range(4)] == [502, 503, 501, 501]


def test_a_fault_for_a_number_does_not_apply_to_others() -> None:
    faults = Faults()
    fault = faults.status(500, to=NUMBER)
    assert taken(faults, OTHER) is None
    assert taken(faults, None) is None
    assert taken(faults, NUMBER) == 500
    assert fault.count == 1


def test_each_application_is_reported() -> None:
    seen: list[tuple[Fault, str, str | None, str | None]] = []
    faults = Faults(lambda *applied: seen.append(applied))
    fault = faults.status(500)
    taken(faults)
    assert seen == [(fault, "asked", NUMBER, None)]


def test_a_report_that_fails_does_not_cost_the_fault(caplog: pytest.LogCaptureFixture) -> None:
    def fails(*applied: object) -> None:
        raise ZeroDivisionError

    faults = Faults(fails)
    faults.status(500)
    assert taken(faults) == 500
    assert "the report of fault f1 failed" in caplog.text


def test_all_faults_are_undone_at_once() -> None:
    faults = Faults()
    made = [faults.lost_answer(), faults.blackout(), faults.refused()]
    faults.clear()
    assert [fault.active for fault in made] == [False, False, False]
    assert faults.active == ()


def test_making_and_undoing_reach_the_loop_by_the_given_way() -> None:
    faults, calls = Faults(), 0

    def on_loop(body):  # type: ignore[no-untyped-def]
        nonlocal calls
        calls += 1
        return body()

    faults.on_loop = on_loop
    faults.lost_answer().undo()
    faults.clear()
    assert calls == 3


def test_there_is_a_limit_of_active_faults() -> None:
    faults = Faults()
    for _ in range(MOST_FAULTS):
        faults.lost_answer()
    with pytest.raises(ConfigError, match="100 faults are active, which is the limit: undo some"):
        faults.lost_answer()
    faults.active[0].undo()
    faults.lost_answer()


def test_a_fault_says_what_it_is_without_the_number() -> None:
    faults = Faults()
    fault = faults.status(503, times=2, to=NUMBER)
    assert str(fault) == "status: requests are answered with 503, for +1415•••0101, at most 2 times"
    assert repr(fault) == f"<Fault f1 {fault}, applied 0 times, active>"
    fault.undo()
    assert repr(fault).endswith("applied 0 times, over>")
    assert str(faults.kick(channel="ft_call_1")) == (
        "kick: clients are removed after 0 s: 'kicked by the test', in ft_call_1"
    )


@pytest.mark.parametrize("flaw", ["uid as text", "uid_as_text", "uid-as-text", GrantFlaw.UID_AS_TEXT])
def test_a_flaw_may_be_written_in_several_ways(flaw: str) -> None:
    assert Faults().malformed_grant(flaw).what == "grants have the flaw uid as text"


BAD = {
    "times must be at least 1": lambda f: f.lost_answer(times=0),
    "the number '0123' is not an E.164 number": lambda f: f.lost_answer(to="0123"),
    "channel must be the name of a channel": lambda f: f.kick(channel=""),
    "status must be between 400 and 599": lambda f: f.status(200),
    "after_bytes must be at least 1 bytes": lambda f: f.reset(after_bytes=0),
    "value must be text of printable ASCII": lambda f: f.retry_after("1\r\nset-cookie: x"),
    "to_url must be text of printable ASCII": lambda f: f.redirect("http://ä/"),
    "did you mean": lambda f: f.malformed_grant("uid as txt"),
    "flaw must be one of 'expired'": lambda f: f.token("old"),
    "pass a flaw, for example 'expired', or life_s": lambda f: f.token(),
    "this network would be good: pass at least one of loss": lambda f: f.media(burst=3),
    "seed must be text": lambda f: f.media(loss=0.1, seed=1.5),
    "direction must be one of 'to_caller'": lambda f: f.media("sideways", loss=0.1),
    "loss must be between 0 and 1": lambda f: f.media(loss=50),
    "for_s must be a positive": lambda f: f.blackout(for_s=0),
}


@pytest.mark.parametrize("message", BAD)
def test_a_mistake_is_an_error_of_the_call_that_made_it(message: str) -> None:
    faults = Faults()
    with pytest.raises(ConfigError) as caught:
        BAD[message](faults)
    assert message in str(caught.value)
    assert faults.active == ()


def test_a_fault_can_be_made_by_name() -> None:
    faults = Faults()
    fault = faults.make("status", {"status": 503, "times": 1})
    assert (fault.name, fault.times) == ("status", 1)
    for name, arguments, problem in (
        ("statu", {}, "'statu' is not the name of a fault; did you mean status?"),
        ("status", {"stat": 1}, "the fault status has no argument 'stat'; did you mean status? It has: status, body"),
        ("status", {}, "the fault status needs the argument status"),
        ("clear", {}, "'clear' is not the name of a fault"),
    ):
        with pytest.raises(ConfigError) as caught:
            faults.make(name, arguments)
        assert str(caught.value).startswith(problem)


def test_every_fault_has_a_summary_and_its_limits() -> None:
    assert len(FAULT_NAMES) == 28
    for name in FAULT_NAMES:
        assert summary_of(name).endswith((".", "key.")), name
        if name != "refused":
            assert {"times", "to"} <= arguments_of(name).keys(), name
    assert "channel" in arguments_of("media")
    assert {"type", "by_s", "channel"} <= arguments_of("late_webhooks").keys()
    assert "channel" not in arguments_of("lost_answer")
    assert {argument.name: argument.needed for argument in arguments_of("redirect").values()} == {
        "to_url": True,
        "status": False,
        "times": False,
        "to": False,
        "path": False,
    }
    assert "path" not in arguments_of("malformed_grant")


@pytest.mark.parametrize("value", [True, [1], 10**50, 1.5])
def test_a_retry_after_is_text_or_a_whole_number(value: object) -> None:
    with pytest.raises(ConfigError, match="value must be"):
        Faults().retry_after(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("arguments", [{"delay_s": 61}, {"jitter_s": 1e9}, {"loss": 0.5, "seed": "\ud800"}])
def test_what_would_take_memory_without_end_or_fail_later_is_refused_when_it_is_made(
    arguments: dict[str, object],
) -> None:
    faults = Faults()
    with pytest.raises(ConfigError, match="must be"):
        faults.media(**arguments)  # type: ignore[arg-type]
    assert faults.active == ()


def test_a_fault_is_shown_on_one_line_whatever_its_channel_is() -> None:
    assert repr(Faults().kick(channel="\x1b[31m\n")).isprintable()
