"""Helpers of clauses: probes, random input, a killed child, tones; and kits that lack something they need."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import wave
from typing import TYPE_CHECKING

import pytest
from tests.testing.conformance import (
    broken_auth,
    broken_carrier,
    broken_filter,
    broken_resampler,
    broken_sink,
    broken_source,
    broken_store,
)

from offhook.interfaces import Store
from offhook.testing import ScriptedService, ServiceFarEnd, VirtualLoop, run_virtual
from offhook.testing.conformance import (
    KITS,
    AuthConformance,
    Conformance,
    NotClaimed,
    Verdict,
    clause,
    killed_child,
    run_kit,
    source,
)
from offhook.testing.conformance.cancelling import cancel_everywhere
from offhook.testing.conformance.exposure import Exposure, watched
from offhook.testing.conformance.killed_child import die_after
from offhook.testing.conformance.probes import Held, error_of, leaves_nothing, shown
from offhook.testing.conformance.random_input import Draw, for_all
from offhook.testing.conformance.tones import amplitude_of, highest_step, tone
from offhook.testing.conformance.turns import does_not_block
from offhook_audio.recorder import RecorderSink

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook.interfaces import Auth
    from offhook.interfaces.environment import Environment
    from offhook.interfaces.store import Document


@pytest.mark.parametrize("kit", KITS.values(), ids=KITS)
def test_a_kit_without_make_says_what_is_missing(kit: type[Conformance]) -> None:
    with pytest.raises(NotImplementedError, match=r"your subclass must have make"):
        kit().run_try_out()


def test_a_carrier_kit_needs_make_as_well_as_a_far_end() -> None:
    carrier = KITS["carrier"]
    good = type("Made", (carrier,), {"make_far_end": the_far_end})
    with pytest.raises(NotImplementedError, match="which returns the carrier"):
        good().run_try_out()


def the_far_end(kit: object) -> ScriptedService:
    return ScriptedService()


class OneLine(ScriptedService):
    other_line = ServiceFarEnd.other_line


def test_a_far_end_with_one_line_skips_the_clause_about_another() -> None:
    kit = type("Made", (broken_carrier.GoodKit,), {"make_far_end": lambda self: OneLine()})
    (result,) = run_kit(kit, only=["carrier-6"]).results
    assert (result.verdict, result.detail) == (Verdict.NOT_CLAIMED, "the far end has no other line")


@pytest.mark.parametrize("hypothesis", [True, False])
def test_random_input_is_the_same_in_every_run(hypothesis: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not hypothesis:
        monkeypatch.setitem(sys.modules, "hypothesis", None)
    runs: list[list[tuple[int, bytes]]] = [[], []]
    for drawn in runs:

        def check(draw: Draw, drawn: list[tuple[int, bytes]] = drawn) -> None:
            number = draw.integer(2, 9)
            drawn.append((number, draw.pcm(number)))
            assert len(draw.pcm(0)) == 0

        for_all(check, 20)
    assert runs[0] == runs[1]
    assert all(2 <= number <= 9 and len(pcm) == 2 * number for number, pcm in runs[0])
    assert len({pcm for _, pcm in runs[0]}) > 10
    with pytest.raises(AssertionError, match="odd"):
        for_all(fails_for_odd_numbers, 50)


def fails_for_odd_numbers(draw: Draw) -> None:
    assert draw.integer(0, 100) % 2 == 0, "odd"


def test_without_hypothesis_the_same_failures_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    for good, plugin, id in (
        (broken_filter.GoodKit, broken_filter.DividesByLength, "filter-3"),
        (broken_resampler.GoodKit, broken_resampler.BeginsEachChunkAnew, "resampler-2"),
    ):
        assert run_kit(good, only=[id]).passed
        assert run_kit(type("Broken", (good,), {"plugin": plugin}), only=[id]).failed


def test_work_blocks_the_loop_and_waiting_does_not() -> None:
    async def main() -> None:
        held = Held()
        await held(asyncio.sleep(3_600))
        assert held.seconds < 1
        error = await error_of(held(fail()))
        assert shown(error) == "ValueError was raised: no"

    async def fail() -> None:
        await asyncio.sleep(0)
        raise ValueError("no")

    run_virtual(main())
    assert shown(None) == "nothing was raised"


def test_a_task_that_ends_a_little_later_is_not_left_behind() -> None:
    async def main() -> None:
        async with leaves_nothing("it"):
            task = asyncio.create_task(asyncio.sleep(0.03))
        await task

    run_virtual(main())


def test_a_child_that_fails_or_hangs_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError, match="ZeroDivisionError: division by zero"):
        die_after(lambda: 1 / 0)
    monkeypatch.setattr(killed_child, "_TIMEOUT_S", 0.02)
    with pytest.raises(AssertionError, match=r"child process did not end within 0\.02 s"):
        die_after(lambda: asyncio.run(asyncio.sleep(60)))


def test_the_amplitude_of_a_tone_in_some_audio() -> None:
    pcm = tone(1_000, 16_000, 3_200)
    assert amplitude_of(pcm, 1_000, 16_000) == pytest.approx(16_000, rel=0.01)
    assert amplitude_of(pcm, 3_000, 16_000) < 10
    assert highest_step(b"\0\0\1\0\0\x80") == 32_769
    assert highest_step(b"") == 0


class PlainStore(Store):
    """Stores nothing."""

    def append(self, call_id: str, entry: Document) -> None:
        pass

    def save(self, call_id: str, record: Document) -> None:
        pass

    def close(self) -> None:
        pass


class PlainKit(broken_store.GoodKit):
    argument = "fixed"

    def make(self, argument: str, environment: Environment) -> Store:
        return PlainStore()


def test_what_a_store_does_not_implement_is_not_tested() -> None:
    ids = [f"store-{number}" for number in (12, 15, 16, 17, 24)]
    report = run_kit(PlainKit, only=ids)
    assert [result.verdict for result in report.results] == [Verdict.NOT_CLAIMED] * 5, report.lines()


def test_a_guard_that_does_not_survive_is_not_killed() -> None:
    not_claimed: Mapping[str, str] = {"survives": "memory"}
    report = run_kit(type("Made", (broken_store.GoodKit,), {"not_claimed": not_claimed}), only=["store-24"])
    assert report.results[0].detail == "survives is not claimed: memory"


def test_clauses_that_need_more_of_the_kit_are_skipped() -> None:
    class Plain(AuthConformance):
        variables = broken_auth.GoodKit.variables

        def make(self, environment: Environment) -> Auth:
            return broken_auth.Good(environment)

    report = run_kit(Plain, only=["auth-5", "auth-9"])
    assert [result.verdict for result in report.results] == [Verdict.NOT_CLAIMED] * 2
    with pytest.raises(NotClaimed, match="the kit does not know how to change the keys"):
        Plain().test_keys_rotate()


def test_what_is_printed_while_it_is_watched_is_printed_all_the_same(capfd: pytest.CaptureFixture[str]) -> None:
    async def main() -> None:
        with watched() as exposure:
            print("said")
            os.write(2, b"written\n")
        assert exposure.places_of(["said\n--"]) == []
        assert exposure.places_of(["written"]) == ["stderr"]

    asyncio.run(main())
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("said\n", "written\n")


def test_a_process_without_standard_output_can_be_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(descriptor: int) -> int:
        raise OSError(9, "Bad file descriptor")

    async def main() -> None:
        with watched() as exposure:
            exposure.add("a place", "the secret")
        assert exposure.places_of(["secret"]) == ["a place"]

    monkeypatch.setattr(os, "dup", closed)
    asyncio.run(main())


class Unprintable:
    def __repr__(self) -> str:
        raise ValueError("no")


class Fails(Exception):
    def __str__(self) -> str:
        raise ValueError("no")


def test_objects_and_records_that_cannot_be_printed_are_left_out() -> None:
    async def main() -> None:
        with watched() as exposure:
            exposure.add_object("it", Unprintable())
            exposure.add_error(Fails("the secret"))
            log = logging.getLogger("acme.unprintable")
            log.propagate = False
            log.addHandler(logging.NullHandler())
            log.warning("%d, and not %s", "the secret")
            asyncio.get_running_loop().call_exception_handler({"message": "the secret"})
            raise_in_a_finalizer()
        assert exposure.places_of(["secret"]) == [
            "a log record of acme.unprintable at WARNING",
            "an error on the event loop",
            "the arguments of a Fails",
            "the arguments of a ValueError",
            "the message of a ValueError",
        ]

    asyncio.run(main())


def raise_in_a_finalizer() -> None:
    class Last:
        def __del__(self) -> None:
            raise ValueError("the secret")

    Last()


@pytest.mark.parametrize("form", ["a/key+of=some", "a%2Fkey%2Bof%3Dsome", "YS9rZXkrb2Y9c29tZQ", b"a/key+of=some".hex()])
def test_a_secret_is_found_in_other_forms(form: str) -> None:
    exposure = Exposure()
    exposure.add("a place", f"x {form} x")
    assert exposure.places_of(["a/key+of=some"]) == ["a place"]
    assert exposure.places_of(["key"]) == [], "too short: it would be found by chance"


def test_what_did_not_happen_because_the_loop_was_blocked_is_reported_as_that() -> None:
    async def main() -> None:
        kit, loop = Conformance(), asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)

        async def block() -> None:
            loop.block(6)
            await asyncio.sleep(60)

        with pytest.raises(
            AssertionError, match=r"the event loop was blocked for 6\.0 s, so this did not happen: it ends"
        ):
            await kit.bounded(block(), "it ends")
        blocking = asyncio.create_task(block())
        with pytest.raises(
            AssertionError, match=r"the event loop was blocked for 6\.0 s, so this did not happen: it is"
        ):
            await kit.until(lambda: False, "it is true")
        blocking.cancel()

    run_virtual(main())


def test_a_call_that_is_blocked_once_because_the_machine_is_busy_is_tried_again() -> None:
    async def main() -> None:
        loop, calls = asyncio.get_running_loop(), list[int]()
        assert isinstance(loop, VirtualLoop)

        async def call() -> None:
            calls.append(1)
            if len(calls) == 1:
                loop.block(1)
            raise ValueError("another clause tests this")

        await does_not_block(call, "it")
        assert len(calls) == 2

    run_virtual(main())


def test_a_long_call_is_cancelled_in_its_first_second() -> None:
    async def main() -> None:
        cancelled_at_s: list[float] = []

        async def call() -> None:
            began_s = asyncio.get_running_loop().time()
            try:
                await asyncio.sleep(60)
            finally:
                cancelled_at_s.append(round(asyncio.get_running_loop().time() - began_s, 3))

        await cancel_everywhere(Conformance(), call, "it")
        assert sorted(set(cancelled_at_s)) == [0, 0.2, 0.4, 0.6, 0.8, 1.0]

    run_virtual(main())


def test_what_a_plugin_changes_in_the_environment_is_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEPT", "as it was")

    class Kit(Conformance):
        kind = "thing"

        @clause("thing-1", "it may change the environment")
        async def test_it(self) -> None:
            os.environ["ADDED"] = "yes"
            os.environ["KEPT"] = "no"

    assert run_kit(Kit).passed
    assert "ADDED" not in os.environ
    assert os.environ["KEPT"] == "as it was"


class BareService(ScriptedService):
    """A far end as version 1 had them: it knows no host and does not redirect; and it works in real time."""

    virtual_time = False
    host = ""
    not_claimed: Mapping[str, str] = {"redirect": "it is not an HTTP server"}
    strayed = ServiceFarEnd.strayed  # type: ignore[assignment]


def test_a_far_end_need_not_redirect_and_need_not_know_its_host() -> None:
    attributes = {"make_far_end": lambda self: BareService(), "again_s": 0.0}
    report = run_kit(
        type("Made", (broken_carrier.GoodKit,), attributes), only=["carrier-22", "carrier-23", "carrier-24"]
    )
    assert [result.verdict for result in report.results] == [Verdict.PASSED, Verdict.NOT_CLAIMED, Verdict.PASSED]
    assert BareService().strayed == ()


def test_a_part_that_hangs_fails_the_clause_about_that_alone() -> None:
    for good, plugin, id in (
        (broken_carrier.GoodKit, broken_carrier.WaitsForEver, "carrier-13"),
        (broken_source.GoodKit, broken_source.HangsAtItsEnd, "source-1"),
        (broken_source.GoodKit, broken_source.GivesBytes, "source-13"),
    ):
        assert run_kit(type("Hangs", (good,), {"plugin": plugin}), only=[id]).passed


def test_a_slow_source_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "_MANY_S", 0.0)
    kit = type("Slow", (broken_source.GoodKit,), {"plugin": broken_source.GivesBytesLater})
    assert run_kit(kit, only=["source-1"]).passed, "the first frame is right"


class StereoSink(RecorderSink):
    """Writes both channels of a stereo file, of which the kit compares no samples."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    async def aclose(self) -> None:
        await super().aclose()
        pcm, rate_hz = b"", 8_000
        with wave.open(self.path, "rb") as file:
            pcm, rate_hz = file.readframes(file.getnframes()), file.getframerate()
        with wave.open(self.path, "wb") as file:
            file.setparams((2, 2, rate_hz, 0, "NONE", ""))
            file.writeframes(b"".join(pcm[at : at + 2] * 2 for at in range(0, len(pcm), 2)))


def test_the_samples_of_other_formats_are_not_compared() -> None:
    assert run_kit(type("Stereo", (broken_sink.GoodKit,), {"plugin": StereoSink}), only=["sink-12"]).passed
