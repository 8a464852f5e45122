"""``offhook call --dry-run``: nothing rings, and the reason why a call would not ring is printed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.core.rig import NUMBER, NUMBERS, AudioKit, RampSource, load, rig

from offhook import Phone, hookimpl
from offhook.cli.call.command import try_out
from offhook.cli.call.placing import CallOrder
from offhook.cli.exit_codes import ExitCode
from offhook.cli.root import run
from offhook.errors import ConfigError
from offhook.testing import LinkedTransport, run_virtual

if TYPE_CHECKING:
    from pathlib import Path

    from offhook.interfaces.dialing import DialRequest


class OnlyOne:
    @hookimpl
    def offhook_before_dial(self, request: DialRequest) -> str | None:
        return None if request.number == NUMBER else "not on the list"


def test_a_call_that_would_ring(capsys: pytest.CaptureFixture[str]) -> None:
    kit = AudioKit()
    r = rig(plugins=load(kit))
    assert run_virtual(try_out(CallOrder(NUMBER, ["ramp:10"]), lambda: r.phone, as_json=False)) is ExitCode.COMPLETED
    assert capsys.readouterr().out == "would ring +1415•••0123; nothing was dialled\n"
    assert r.carrier.rung == []
    assert r.transport.closed


@pytest.mark.parametrize(
    ("number", "say", "refuse", "code", "problem"),
    [
        (NUMBERS[0], [], None, ExitCode.REFUSED, "says 'not on the list'"),
        (NUMBER, ["nothing:1"], None, ExitCode.BAD_USAGE, "no audio source is called 'nothing'"),
        (NUMBER, [], ConfigError("no keys"), ExitCode.BAD_USAGE, "no keys"),
    ],
)
def test_the_reason_why_a_call_would_not_ring(
    number: str,
    say: list[str],
    refuse: Exception | None,
    code: ExitCode,
    problem: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    r = rig(plugins=load(OnlyOne()), transport=LinkedTransport(refuse_check=refuse))
    assert run_virtual(try_out(CallOrder(number, say), lambda: r.phone, as_json=True)) is code
    shown = capsys.readouterr()
    assert problem in shown.err
    document = json.loads(shown.out)
    assert document["would_ring"] is False
    assert problem in document["error"]["message"]
    assert r.carrier.rung == []


@pytest.mark.parametrize("live", [True, False])
def test_a_source_that_could_not_be_converted_is_rejected(
    live: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rate would be known only when the callee is listening already. Open sources are closed."""
    monkeypatch.setattr(RampSource, "live", live)
    kit = AudioKit()
    r = rig(plugins=load(kit))
    opened: list[RampSource] = []
    r.phone.plugins.resamplers.forget("AudioKit (given to the phone)")

    def source(spec: str) -> RampSource:
        opened.append(RampSource(3))
        return opened[-1]

    monkeypatch.setattr(r.phone, "source", source)
    assert run_virtual(try_out(CallOrder(NUMBER, ["ramp:10"]), lambda: r.phone, as_json=False)) is ExitCode.BAD_USAGE
    wanted = "live" if live else "file"
    assert f"'ramp:10' may have to be converted to the rate of the call: no resampler is called '{wanted}'" in (
        capsys.readouterr().err
    )
    assert [source.closed for source in opened] == [1]


def test_without_json_only_the_reason_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    r = rig(transport=LinkedTransport(refuse_check=ConfigError("no keys")))
    assert run_virtual(try_out(CallOrder(NUMBER, []), lambda: r.phone, as_json=False)) is ExitCode.BAD_USAGE
    assert capsys.readouterr() == ("", "offhook: no keys\n")


def test_it_is_an_option_of_call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    phones: list[Phone] = []

    def from_env(**settings: object) -> Phone:
        phones.append(rig().phone)
        return phones[-1]

    monkeypatch.setattr(Phone, "from_env", from_env)
    assert run(["call", NUMBER, "--dry-run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"would_ring": True, "number": "+1415•••0123", "error": None}
    assert len(phones) == 1


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"out": "full"}, "is not empty"),
        ({"out": "full/file"}, "is a file and not a folder"),
        ({"listen": ["acme:a.wav"]}, "no audio sink is called 'acme'"),
        ({"listen": ["Not a spec"]}, "is not a spec"),
    ],
)
def test_outputs_that_a_call_could_not_use_are_found_and_none_is_made(
    changes: dict[str, Any], problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    if "out" in changes:
        changes = {"out": tmp_path / changes["out"]}
    r = rig(plugins=load(AudioKit()))
    assert run_virtual(try_out(CallOrder(NUMBER, **changes), lambda: r.phone, as_json=False)) is ExitCode.BAD_USAGE
    assert problem in capsys.readouterr().err


def test_outputs_that_a_call_could_use_are_not_made(tmp_path: Path) -> None:
    r = rig(plugins=load(AudioKit()))
    order = CallOrder(NUMBER, listen=["recorder:a.wav"], out=tmp_path / "new/folder")
    assert run_virtual(try_out(order, lambda: r.phone, as_json=False)) is ExitCode.COMPLETED
    assert list(tmp_path.iterdir()) == []
    assert r.carrier.rung == []
