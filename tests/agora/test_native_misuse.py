"""The mock's native library, through upstream's Python layer: misuse is reported and does no harm; limits hold."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import resource
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.agora.native_program import Program
from tests.agora.native_room import CHANNEL, Place, native_threads, place
from tests.plugins.relay_kit import until

if TYPE_CHECKING:
    from tests.agora.native_program import Sdk

Check = Callable[[Place, list[str]], Awaitable[None]]


def in_a_room(sdk: Sdk, check: Check) -> None:
    async def main() -> None:
        async with place(sdk) as here:
            # Reports that other tests left behind in this process go to the next channel that is joined.
            before = here.program()
            await before.joined(here.far.grant("before"))
            await before.left()
            noted: list[str] = []
            here.far.room(CHANNEL).on_misuse = noted.append
            await check(here, noted)

    asyncio.run(main())


@pytest.mark.trap("1.7")
def test_handles_of_released_objects_are_recognised(sdk: Sdk) -> None:
    async def check(here: Place, noted: list[str]) -> None:
        program, other = here.program(), here.program()
        await program.joined(here.grant)
        track, sender = other.connection._audio_track.track_handle, other.connection._audio_sender.sender_handle
        handles = [other.connection.conn_handle, other.user.user_handle, track, sender]
        await other.release()
        here.program()  # which takes the places of what was released
        library, before = sdk.library, sdk.misuses("use after release")
        for handle in (*handles, None, 1, 2**62, 0xFFFFFFFF):
            value = ctypes.c_void_p(handle)
            text = ctypes.c_char_p(b"x")
            assert library.agora_rtc_conn_connect(value, text, text, text) == -2
            assert library.agora_rtc_conn_disconnect(value) == -2
            assert library.agora_rtc_conn_register_observer(value, None) == -2
            assert not library.agora_rtc_conn_get_local_user(value)
            assert library.agora_local_user_publish_audio(value, track) == -2
            assert library.agora_local_user_unregister_audio_frame_observer(value) == -2
            assert library.agora_local_audio_track_set_enabled(value, 1) == -2
            assert library.agora_audio_pcm_data_sender_send(value, None, 0, 0, 160, 2, 1, 16_000) == -2
            assert library.agora_service_release(value) == -2
            library.agora_local_audio_track_destroy(value)
            library.agora_audio_pcm_data_sender_destroy(value)
            library.agora_rtc_conn_destroy(value)
        assert sdk.misuses("use after release") - before == 8 * 12
        await until(lambda: bool(noted), "the report")
        assert len(noted) == 1
        assert noted[0].startswith("misuse: use after release: agora_rtc_conn_connect was called with a connection")

    in_a_room(sdk, check)


@pytest.mark.trap("1.7")
def test_a_second_release_and_a_late_disconnect_do_no_harm(sdk: Sdk) -> None:
    async def check(here: Place, noted: list[str]) -> None:
        program = here.program()
        await program.joined(here.grant)
        await program.left()
        assert program.connection.disconnect() == -2
        with pytest.raises(AttributeError):
            program.connection.release()
        await here.program().joined(here.grant)  # a report waits for a connection that can bring it to the mock
        await until(lambda: bool(noted), "the report")
        assert noted[0].startswith("misuse: use after release: agora_rtc_conn_disconnect was called with a connection")

    in_a_room(sdk, check)


@pytest.mark.trap("1.3")
def test_a_call_inside_a_callback_is_reported_and_works(sdk: Sdk) -> None:
    async def check(here: Place, noted: list[str]) -> None:
        program = here.program()

        def react(name: str, arguments: tuple[Any, ...]) -> None:
            if name == "on_connected":
                program.connection.publish_audio()
            if name == "on_user_joined":
                program.connection._unregister_audio_frame_observer()
                program.connection._unregister_local_user_observer()

        program.react = react
        program.connect(here.grant)
        await program.first("on_connected")
        here.join()
        await program.first("on_user_joined")
        await until(lambda: bool(noted), "the report")
        assert len(noted) == 1
        assert noted[0].startswith("misuse: sdk call in a callback: agora_local_user_publish_audio was called inside")

    in_a_room(sdk, check)


@pytest.mark.trap("1.7")
def test_releasing_inside_a_callback_neither_hangs_nor_crashes(sdk: Sdk) -> None:
    async def check(here: Place, noted: list[str]) -> None:
        program, done = here.program(), threading.Event()
        service = here.service.service_handle

        def react(name: str, arguments: tuple[Any, ...]) -> None:
            if name == "on_playback_audio_frame_before_mixing" and not done.is_set():
                program.connection.disconnect()
                program.connection.release()
                here.service.release()
                done.set()

        program.react = react
        await program.joined(here.grant)
        here.join()
        await program.first("on_user_audio_track_subscribed")
        here.say(bytes(6400))
        assert await asyncio.to_thread(done.wait, 20)
        assert sdk.misuses("sdk call in a callback")
        assert native_threads(), "the service refused: it would have waited for the callback that it was called in"
        assert sdk.library.agora_service_release(ctypes.c_void_p(service)) == 0

    in_a_room(sdk, check)


@pytest.mark.trap("1.7")
def test_unregistering_waits_for_the_callback_in_flight(sdk: Sdk) -> None:
    async def check(here: Place, noted: list[str]) -> None:
        program = here.program()
        inside, go_on, done = threading.Event(), threading.Event(), threading.Event()

        def react(name: str, arguments: tuple[Any, ...]) -> None:
            if name == "on_playback_audio_frame_before_mixing" and not inside.is_set():
                inside.set()
                go_on.wait(20)

        def unregister() -> None:
            program.connection._unregister_audio_frame_observer()
            done.set()

        program.react = react
        await program.joined(here.grant)
        here.join()
        await program.first("on_user_audio_track_subscribed")
        here.say(bytes(6400))
        assert await asyncio.to_thread(inside.wait, 20)
        waiting = asyncio.create_task(asyncio.to_thread(unregister))
        assert not await asyncio.to_thread(done.wait, 0.1)
        go_on.set()
        await waiting
        frames = len(program.frames)
        here.say(bytes(6400), 3200)
        program.push(bytes(6400))
        await here.hears(6400)
        assert len(program.frames) <= frames + 1, "at most the one that was in flight"

    in_a_room(sdk, check)


def test_a_second_observer_video_and_messages_are_reported(sdk: Sdk) -> None:
    async def check(here: Place, noted: list[str]) -> None:
        program = here.program()
        await program.joined(here.grant)
        program.connection.register_observer(program.connection._con_observer)  # upstream unregisters the first
        assert program.connection.send_stream_message(b"hello") == 0
        config = sdk.base.RtcConnectionPublishConfig(
            is_publish_video=True, video_publish_type=sdk.base.VideoPublishType.VIDEO_PUBLISH_TYPE_YUV
        )
        other = here.service.create_rtc_connection(sdk.base.RTCConnConfig(), config)
        other.release()
        await until(lambda: len(noted) == 2, "reports")
        assert {note.split(": ")[1] for note in noted} == {"data message", "video"}

    in_a_room(sdk, check)


def test_names_of_a_watch_are_escaped_and_bounded(sdk: Sdk) -> None:
    async def check(here: Place, noted: list[str]) -> None:
        program = here.program()
        await program.joined(here.grant)
        report = sdk.library.offhook_agora_report
        report(b"a \x1b[0m\n\xff", b'"\\' * 1000)
        report(None, None)
        report(b"", b"x")
        report(b"n" * 1000, b"d")
        await until(lambda: len(noted) == 2, "reports")
        assert noted == ["misuse: a ?[0m??: " + ('"\\' * 1000)[:255], "misuse: " + "n" * 100 + ": d"]

    in_a_room(sdk, check)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_is_told_that_it_cannot(sdk: Sdk) -> None:
    async def check(here: Place, noted: list[str]) -> None:
        program = here.program()
        await program.joined(here.grant)
        child = os.fork()
        if child == 0:
            result = program.connection.disconnect() == -1 and program.push(bytes(320)) == -1
            os._exit(0 if result else 1)
        _, status = await asyncio.to_thread(os.waitpid, child, 0)
        assert status == 0
        program.push(bytes(320))

    in_a_room(sdk, check)


@pytest.mark.trap("1.2")
def test_a_far_side_without_ai_qos_on_request(sdk: Sdk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFHOOK_AGORA_AI_QOS", "missing")

    async def check(here: Place, noted: list[str]) -> None:
        program = here.program(scenario="AI_SERVER")
        program.answers["on_aiqos_capability_missing"] = 7  # CHORUS
        await program.joined(here.grant)
        here.join()
        assert await program.first("on_aiqos_capability_missing")
        await program.first("on_audio_track_publish_success", after=1)  # the answer switched the scenario
        program.push(b"\1" * 640)
        await here.hears(640)
        assert not noted, "upstream makes these calls inside the callback, and not the program"

    in_a_room(sdk, check)


def descriptors() -> set[int]:
    return {int(path.name) for path in Path("/proc/self/fd").iterdir()}


@contextlib.contextmanager
def few_descriptors(count: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
def test_200_joins_with_64_descriptors(sdk: Sdk) -> None:
    async def check(here: Place, noted: list[str]) -> None:
        highest = max(descriptors())
        handles = sdk.handles()
        with few_descriptors(highest + 64):
            for _ in range(200):
                program = Program(sdk, here.service)
                await program.joined(here.grant)
                await program.left()
        assert sdk.handles() == handles
        assert native_threads() == ["agora-audio", "agora-events", "agora-net"]
        await until(lambda: not here.far.room(CHANNEL).members, "all of them have left")

    in_a_room(sdk, check)


def test_at_most_256_connections(sdk: Sdk) -> None:
    async def check(here: Place, noted: list[str]) -> None:
        config, publish = sdk.base.RTCConnConfig(), sdk.base.RtcConnectionPublishConfig(is_publish_audio=False)
        made = [here.service.create_rtc_connection(config, publish) for _ in range(256)]
        assert here.service.create_rtc_connection(config, publish).conn_handle is None
        for connection in made:
            connection.release()

    in_a_room(sdk, check)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
def test_descriptors_are_closed_on_exec(sdk: Sdk) -> None:
    async def check(here: Place, noted: list[str]) -> None:
        before = descriptors()
        program = here.program()
        await program.joined(here.grant)
        for descriptor in descriptors() - before:
            with contextlib.suppress(OSError):
                assert not os.get_inheritable(descriptor)

    in_a_room(sdk, check)
