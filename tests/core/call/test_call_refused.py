"""What keeps a call from ringing or from being joined: typed, recorded, and never tried again by itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.core.rig import (
    NUMBER,
    NUMBERS,
    POLICY,
    later,
    now,
    rig,
    run,
)

from offhook import AudioFrame, CallState, Cause, Disposition, EndedBy
from offhook.errors import (
    CarrierProtocolError,
    CarrierUnavailable,
    ConfigError,
    CredentialsRejected,
    JoinFailed,
    JoinTimeout,
    OffhookError,
    PluginError,
    RateLimited,
    RequestRejected,
    StartAmbiguous,
    TokenRejected,
    TransportUnavailable,
)
from offhook.interfaces.numbers import mask
from offhook.session.outcome import Outcome
from offhook.testing import LinkedTransport, ScriptedCarrier

if TYPE_CHECKING:
    from pathlib import Path

    from offhook.interfaces import DialRequest


@pytest.mark.parametrize(
    ("carrier", "transport", "error"),
    [
        (ScriptedCarrier(refuse_check=ConfigError("no keys")), LinkedTransport(), ConfigError),
        (ScriptedCarrier(refuse_check=KeyError("x")), LinkedTransport(), PluginError),
        (ScriptedCarrier(), LinkedTransport(refuse_check=TransportUnavailable("no relay")), TransportUnavailable),
        (ScriptedCarrier(), LinkedTransport(refuse_check=OSError("x")), PluginError),
    ],
)
def test_what_cannot_work_is_refused_before_anything_rings(
    carrier: ScriptedCarrier, transport: LinkedTransport, error: type[OffhookError], tmp_path: Path
) -> None:
    async def main() -> None:
        r = rig(carrier=carrier, transport=transport)
        call = r.phone.dial(NUMBER, record=tmp_path / "a.wav")
        with pytest.raises(error):
            async with call:
                pass
        assert (r.carrier.rung, r.store.journal, call.state) == ([], [], CallState.IDLE)
        assert not (tmp_path / "a.wav").exists(), "no empty recording is left behind"
        assert call.over
        again = r.phone.dial(NUMBER, record=tmp_path / "a.wav")
        await again.hang_up()

    run(main())


def test_a_check_that_hangs_is_given_up_before_anything_rings() -> None:
    class Hanging(LinkedTransport):
        async def check(self, endpoint: str | None) -> None:
            await asyncio.Event().wait()

    async def main() -> None:
        r = rig(transport=Hanging())
        with pytest.raises(PluginError, match="Hanging' failed in check: no answer within 10 s"):
            async with r.phone.dial(NUMBER):
                pass
        assert r.carrier.rung == []

    run(main())


class Nonsense(ScriptedCarrier):
    async def start_call(self, request: DialRequest) -> None:  # type: ignore[override]
        await super().start_call(request)


class KeyExpired(CredentialsRejected):
    """As a carrier of a third party may raise it."""


@pytest.mark.fault("F2")
@pytest.mark.parametrize(
    ("answer", "cause", "rang"),
    [
        (CredentialsRejected("no"), Cause.NOT_AUTHORIZED, "no"),
        (KeyExpired("no"), Cause.NOT_AUTHORIZED, "no"),
        (RequestRejected("no"), Cause.CALL_REJECTED, "no"),
        (RateLimited("no"), Cause.SWITCHING_CONGESTION, "no"),
        (CarrierUnavailable("no"), Cause.TEMPORARY_FAILURE, "no"),
        (CarrierProtocolError("no", may_have_rung=True), Cause.PROTOCOL_ERROR, "unknown"),
        (CarrierUnavailable("no", may_have_rung=True), Cause.TEMPORARY_FAILURE, "unknown"),
        (ValueError("no"), Cause.CALL_REJECTED, "unknown"),
        (StartAmbiguous("no"), Cause.TEMPORARY_FAILURE, "unknown"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_a_refusal_is_raised_and_recorded_and_nothing_is_sent_again(
    answer: Exception, cause: Cause, rang: str, tmp_path: Path
) -> None:
    async def main() -> None:
        r = rig(carrier=ScriptedCarrier(answer))
        call = r.phone.dial(NUMBER, record=tmp_path / "a.wav")
        with pytest.raises(OffhookError) as raised:
            async with call:
                pass
        assert raised.value is answer or isinstance(raised.value, PluginError)
        assert call.record.outcome is not None
        assert (call.record.disposition, call.record.outcome.cause) == (Disposition.FAILED, cause)
        assert (call.record.rang, call.record.problem) == (rang, raised.value.message)
        assert len(r.carrier.rung) == 1
        assert r.transport.joins == 0
        assert len(r.store.records) == 1
        assert not (tmp_path / "a.wav").exists(), "no empty recording is left behind"

    run(main())


def test_a_carrier_that_gives_nonsense_is_named() -> None:
    async def main() -> None:
        r = rig(carrier=Nonsense())
        with pytest.raises(PluginError, match=r"Nonsense' failed in start_call: returned NoneType; expected a Grant"):
            async with r.phone.dial(NUMBER):
                pass

    run(main())


def test_a_number_that_a_carrier_repeats_is_masked_wherever_it_is_written_down() -> None:
    async def main() -> None:
        r = rig(carrier=ScriptedCarrier(ValueError(f"cannot ring {NUMBER}")))
        call = r.phone.dial(NUMBER)
        with pytest.raises(PluginError):
            await call.__aenter__()
        assert "cannot ring +1415•••0123" in call.record.problem
        assert NUMBER not in repr(call.record) + repr(r.store.journal) + repr(r.store.records)
        line = NUMBERS[0]
        r = rig(carrier=ScriptedCarrier(ValueError(f"cannot ring from {line}")))
        call = r.phone.dial(NUMBER, from_number=line)
        with pytest.raises(PluginError):
            await call.__aenter__()
        assert f"cannot ring from {mask(line)}" in call.record.problem
        assert line not in repr(call.record) + repr(r.store.journal) + repr(r.store.records)

    run(main())


def test_a_transport_that_gives_nonsense_is_named() -> None:
    class Pigeon(LinkedTransport):
        async def join(self, *arguments: object) -> None:  # type: ignore[override]
            pass

    async def main() -> None:
        r = rig(transport=Pigeon())
        with pytest.raises(
            PluginError,
            match=r"Pigeon' failed in join: .*got NoneType; expected an instance of a subclass",
        ):
            async with r.phone.dial(NUMBER):
                pass

    run(main())


def test_a_carrier_that_never_answers_is_ambiguous() -> None:
    async def main() -> None:
        r = rig(policy=POLICY)
        r.carrier.gate.clear()
        call = r.phone.dial(NUMBER)
        with pytest.raises(StartAmbiguous, match=r"did not answer within 10 s: .* do not dial again"):
            async with call:
                pass
        assert call.record.outcome == Outcome(Disposition.FAILED, EndedBy.TIMER, Cause.TIMER_EXPIRY)
        assert (call.record.rang, call.record.problem) == ("unknown", "not in the channel within 10 s of dialling")
        assert now() == 12

    run(main())


@pytest.mark.fault("F14")
@pytest.mark.parametrize("error", [JoinFailed("full"), TokenRejected("expired", 9), OSError("x")])
def test_a_channel_that_does_not_let_us_in(error: Exception, tmp_path: Path) -> None:
    async def main() -> None:
        r = rig(transport=LinkedTransport(refuse_join=error))
        call = r.phone.dial(NUMBER, record=tmp_path / "a.wav")
        with pytest.raises(OffhookError) as raised:
            async with call:
                pass
        assert raised.value is error or isinstance(raised.value, PluginError)
        assert call.record.outcome == Outcome(Disposition.FAILED, EndedBy.NETWORK, Cause.NETWORK_OUT_OF_ORDER)
        assert call.record.rang == "assumed", "the carrier took the call"
        assert r.transport.joins == 1
        assert not (tmp_path / "a.wav").exists()

    run(main())


@pytest.mark.fault("F13")
def test_a_join_that_hangs() -> None:
    async def main() -> None:
        r = rig(policy=POLICY)
        r.transport.join_gate.clear()
        with pytest.raises(JoinTimeout, match="could not be joined within 10 s"):
            async with r.phone.dial(NUMBER):
                pass
        assert (now(), r.transport.leg) == (12, None)

    run(main())


@pytest.mark.fault("F13")
def test_a_join_that_succeeds_too_late_is_left_again() -> None:
    async def main() -> None:
        r = rig(policy=POLICY)
        r.transport.join_gate.clear()
        later(11, r.transport.join_gate.set)
        with pytest.raises(JoinTimeout):
            async with r.phone.dial(NUMBER):
                pass
        assert (now(), r.transport.leg) == (11, None)

    run(main())


def test_a_leg_that_breaks_ends_the_call_and_is_named() -> None:
    class Broken(LinkedTransport):
        pass

    async def main() -> None:
        r = rig()
        r.answer()

        def fail(frame: AudioFrame) -> None:
            raise OSError(9, "Bad file descriptor")

        async with r.phone.dial(NUMBER) as call:
            assert r.transport.leg is not None
            name = type(r.transport.leg).__qualname__
            r.transport.leg.send = fail  # type: ignore[method-assign]
            await call.ended()
        assert call.record.disposition is Disposition.FAILED
        assert f"{name}' failed in send: OSError" in call.record.problem
        assert now() == 1

    run(main())


def test_counters_that_cannot_be_read_cost_nothing_else() -> None:
    async def main() -> None:
        r = rig()
        r.answer()

        def fail() -> dict[str, int]:
            raise KeyError("rtt")

        async with r.phone.dial(NUMBER) as call:
            assert r.transport.leg is not None
            r.transport.leg.counters = fail  # type: ignore[method-assign]
            await call.answered()
        assert call.record.disposition is Disposition.COMPLETED
        assert "failed in counters: KeyError" in call.record.problem

    run(main())


def test_the_events_of_a_call_that_was_not_dialled_end() -> None:
    async def main() -> None:
        r = rig()
        call = r.phone.dial(NUMBER)
        before = call.events()
        await call.hang_up()
        assert [entry async for entry in before] == [entry async for entry in call.events()] == []

    run(main())
