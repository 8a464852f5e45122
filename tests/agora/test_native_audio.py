"""The mock's native library, through upstream's Python layer: what is pushed, what is heard, rates, silence, volume."""

from __future__ import annotations

import asyncio
import os
from array import array
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.agora.native_room import FAR_UID, Place, place
from tests.plugins.relay_kit import until

from offhook.session import MemberUnpublished

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from tests.agora.native_program import Sdk

Check = Callable[[Place], Awaitable[None]]
RATES = [8_000, 12_000, 16_000, 24_000, 32_000, 48_000]


def in_a_room(sdk: Sdk, check: Check) -> None:
    async def main() -> None:
        async with place(sdk) as here:
            here.join()
            await check(here)

    asyncio.run(main())


def tone(rate_hz: int, seconds: float = 0.5, hertz: float = 1000.0, *, loud: float = 16_000.0) -> bytes:
    times = np.arange(int(rate_hz * seconds)) / rate_hz
    return np.round(loud * np.sin(2 * np.pi * hertz * times)).astype("<i2").tobytes()


def noise_ratio_db(pcm: bytes, rate_hz: int, hertz: float = 1000.0) -> float:
    """How far the rest lies below the sine of 16000 that is wanted, at its time, without the edges."""
    heard: NDArray[np.float64] = np.frombuffer(pcm, "<i2").astype(np.float64)
    wanted = 16_000 * np.sin(2 * np.pi * hertz * np.arange(len(heard)) / rate_hz)
    edge = rate_hz // 50
    difference = (heard - wanted)[edge:-edge]
    return float(10 * np.log10(np.mean(wanted[edge:-edge] ** 2) / np.mean(difference**2)))


def test_audio_crosses_to_the_bit_at_the_rooms_rate(sdk: Sdk) -> None:
    async def check(here: Place) -> None:
        program = here.program()
        await program.joined(here.grant)
        pushed, said = os.urandom(16_000), os.urandom(16_000)
        assert program.push(pushed[:320]) == program.push(pushed[320:10_016]) == program.push(pushed[10_016:]) == 0
        position = here.say(said[:9_600])
        here.say(said[9_600:], position, samples=77)
        assert await here.hears(16_000) == pushed
        await program.until(lambda: len(program.pcm) >= 16_000, "audio")
        assert program.pcm == said
        positions = [frame.position for _, frame in here.ear.audio]
        assert positions == list(range(0, 8000, 320)), "messages of 20 ms, without a gap"
        assert {(frame.samples_per_channel, frame.bytes_per_sample) for frame in program.frames} == {(160, 2)}

    in_a_room(sdk, check)


@pytest.mark.trap("1.4")
@pytest.mark.parametrize("rate_hz", RATES)
def test_what_is_pushed_at_any_rate_is_heard_in_time(sdk: Sdk, rate_hz: int) -> None:
    async def check(here: Place) -> None:
        program = here.program()
        await program.joined(here.grant)
        pcm = tone(rate_hz)
        half = len(pcm) // 4 * 2
        assert program.push(pcm[:half], rate_hz) == program.push(pcm[half:], rate_hz) == 0
        heard = await here.hears(16_000)
        assert len(heard) == 16_000
        assert noise_ratio_db(heard, 16_000) > 80

    in_a_room(sdk, check)


@pytest.mark.trap("1.3")
@pytest.mark.parametrize("rate_hz", [*RATES, 44_100])
def test_what_is_said_is_heard_at_any_rate(sdk: Sdk, rate_hz: int) -> None:
    async def check(here: Place) -> None:
        program = here.program(rate_hz=rate_hz, channels=2)
        await program.joined(here.grant)
        here.say(tone(16_000))
        size = rate_hz // 2 * 4
        await program.until(lambda: len(program.pcm) >= size, "audio")
        samples = np.frombuffer(bytes(program.pcm), "<i2")
        assert len(samples) == rate_hz
        assert (samples[::2] == samples[1::2]).all()
        assert noise_ratio_db(samples[::2].tobytes(), rate_hz) > 80
        assert {(frame.samples_per_channel, frame.channels, frame.samples_per_sec) for frame in program.frames} == {
            (rate_hz // 100, 2, rate_hz)
        }

    in_a_room(sdk, check)


def test_two_channels_are_mixed_and_rates_may_change(sdk: Sdk) -> None:
    async def check(here: Place) -> None:
        program = here.program()
        await program.joined(here.grant)
        stereo = array("h", [1000, 3000] * 320).tobytes()
        assert program.push(stereo, 16_000, 2) == 0
        assert program.push(array("h", [500] * 960).tobytes(), 48_000) == 0
        assert program.push(array("h", [-500] * 320).tobytes()) == 0
        heard = array("h", await here.hears(3 * 640))
        assert set(heard[:320]) == {2000}
        assert set(heard[340:620]) == {500}
        assert set(heard[660:]) == {-500}

    in_a_room(sdk, check)


@pytest.mark.trap("1.4")
def test_formats_that_are_refused(sdk: Sdk) -> None:
    async def check(here: Place) -> None:
        program = here.program()
        await program.joined(here.grant)
        assert program.push(bytes(192), 96_000) == -200
        assert program.push(bytes(96), 16_000, 3) == -200
        assert program.push(b"") == 0
        assert program.push(bytes(882), 44_100) == -1002, "upstream's own check"
        for channels, rate_hz in [(1, 22_050), (1, 0), (3, 16_000), (0, 16_000), (1, -8000)]:
            assert program.user.set_playback_audio_frame_before_mixing_parameters(channels, rate_hz) == -2

    in_a_room(sdk, check)


def test_the_send_queue_is_bounded(sdk: Sdk) -> None:
    async def check(here: Place) -> None:
        program = here.program()  # it does not join: what is pushed waits
        track = program.connection._audio_track
        track.set_max_buffer_audio_frame_number(100)
        assert [program.push(bytes(16_000)) for _ in range(3)] == [0, 0, -201]
        assert track.clear_sender_buffer() == 0
        assert program.push(bytes(32_000)) == 0

    in_a_room(sdk, check)


@pytest.mark.trap("1.6")
@pytest.mark.parametrize("scenario", ["CHORUS", "DEFAULT", "AI_SERVER"])
def test_interrupting_drops_what_waits(sdk: Sdk, scenario: str) -> None:
    async def check(here: Place) -> None:
        program = here.program(scenario=scenario)
        await program.joined(here.grant)
        program.push(b"\1" * 160_000)  # 5 s
        await here.hears(6400)
        assert program.connection.interrupt_audio() == -1000, "upstream returns that on success"
        program.push(b"\2" * 6400)
        await until(lambda: here.heard.endswith(b"\2" * 6400), "what was pushed afterwards")
        assert len(here.heard) < 80_000
        assert set(here.heard) == {1, 2}
        flicker = any(isinstance(event, MemberUnpublished) for event in here.ear.events)
        assert flicker == (scenario == "AI_SERVER"), "only there the track is published anew"

    in_a_room(sdk, check)


def test_while_muted_nothing_is_heard_and_time_passes(sdk: Sdk) -> None:
    async def check(here: Place) -> None:
        program = here.program()
        await program.joined(here.grant)
        program.push(b"\1" * 6400)
        await here.hears(6400)
        program.connection._audio_track.set_enabled(False)
        assert program.connection._audio_track.is_enabled() == (0, 0)
        await until(lambda: any(isinstance(event, MemberUnpublished) for event in here.ear.events), "unpublished")
        program.push(b"\2" * 6400)
        program.push(b"\3" * 32_000)
        program.connection._audio_track.set_enabled(True)
        await until(lambda: here.heard.endswith(b"\3" * 320), "audio after the mute")
        assert len(here.heard) <= 6400 + 6400 + 32_000

    in_a_room(sdk, check)


def test_volumes_of_both_directions(sdk: Sdk) -> None:
    async def check(here: Place) -> None:
        program = here.program()
        await program.joined(here.grant)
        track = program.connection._audio_track
        assert (track.adjust_publish_volume(50), track.get_publish_volume()) == (0, (0, 50))
        assert (track.adjust_publish_volume(401), track.adjust_publish_volume(-1)) == (-2, -2)
        assert (program.user.adjust_playback_signal_volume(200), program.user.get_playback_signal_volume()) == (
            0,
            (0, 200),
        )
        program.push(array("h", [1000, -1000] * 160).tobytes())
        here.say(array("h", [1000, 30_000] * 160).tobytes())
        assert set(array("h", await here.hears(640))) == {500, -500}
        await program.until(lambda: len(program.pcm) == 640, "audio")
        assert set(array("h", bytes(program.pcm))) == {2000, 32_767}

    in_a_room(sdk, check)


@pytest.mark.trap("1.5")
def test_volumes_are_reported(sdk: Sdk) -> None:
    async def check(here: Place) -> None:
        program = here.program()
        await program.joined(here.grant)
        await program.first("on_user_audio_track_subscribed")
        program.user.set_audio_volume_indication_parameters(50, 3, True)
        here.say(array("h", [16_384, -16_384] * 160).tobytes())
        program.push(array("h", [8192] * 320).tobytes())

        def reported() -> set[tuple[str, int]]:
            return {entry for event in program.named("on_audio_volume_indication") for entry in event[1]}

        await program.until(lambda: {(str(FAR_UID), 127), ("0", 63)} <= reported(), "volumes")

    in_a_room(sdk, check)


def test_a_pause_is_a_pause_and_the_last_frame_is_completed(sdk: Sdk) -> None:
    async def check(here: Place) -> None:
        program = here.program()
        await program.joined(here.grant)
        await program.first("on_user_audio_track_subscribed")
        here.say(b"\1" * 500)  # 250 samples
        here.say(b"\2" * 640, 16_000)
        await program.until(lambda: len(program.pcm) == 640 + 640, "audio")
        assert program.pcm == b"\1" * 500 + bytes(140) + b"\2" * 640

    in_a_room(sdk, check)


def test_a_spurt_that_ends_within_a_frame_is_heard_to_its_end(sdk: Sdk) -> None:
    async def check(here: Place) -> None:
        program = here.program()
        await program.joined(here.grant)
        program.push(b"\1" * 500 + b"\2" * 12)  # 16 ms
        here.say(b"\3" * 500)
        assert await here.hears(512) == b"\1" * 500 + b"\2" * 12
        await program.until(lambda: len(program.pcm) == 640, "audio")
        assert program.pcm == b"\3" * 500 + bytes(140)

    in_a_room(sdk, check)


def test_silence_is_handed_over_on_request(sdk: Sdk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFHOOK_AGORA_IDLE_FRAMES", "1")

    async def check(here: Place) -> None:
        program = here.program()
        await program.joined(here.grant)
        await program.until(lambda: len(program.frames) >= 20, "frames")
        assert not any(program.pcm)

    in_a_room(sdk, check)


def test_silence_of_a_member_that_joins_later_is_handed_over_on_request(
    sdk: Sdk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with place(sdk) as here:
            monkeypatch.setenv("OFFHOOK_AGORA_IDLE_FRAMES", "1")
            another = sdk.started(here.grant.app_id)  # settings are read each time, also by a library that runs
            program = here.program()
            await program.joined(here.grant)
            here.join()
            await program.until(lambda: len(program.frames) >= 20, "frames")
            another.release()

    asyncio.run(main())


def test_what_is_pushed_before_joining_waits(sdk: Sdk) -> None:
    async def check(here: Place) -> None:
        program = here.program()
        program.connection.publish_audio()
        program.push(b"\1" * 3200)
        await program.joined(here.grant)
        assert await here.hears(3200) == b"\1" * 3200

    in_a_room(sdk, check)
