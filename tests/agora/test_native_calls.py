"""The mock's native library, through upstream's Python layer: joining, being refused, members, tokens, leaving."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest
from tests.agora.native_program import Program
from tests.agora.native_room import CHANNEL, FAR_UID, Place, native_threads, place
from tests.plugins.relay_kit import until

from offhook.session import LeaveReason, MemberJoined, MemberLeft, MemberPublished, MemberUnpublished
from offhook.testing import TokenFault

if TYPE_CHECKING:
    from tests.agora.native_program import Sdk

Check = Callable[[Place], Awaitable[None]]


def in_a_room(sdk: Sdk, check: Check, **settings: float) -> None:
    async def main() -> None:
        async with place(sdk, **settings) as here:
            await check(here)

    asyncio.run(main())


@pytest.mark.trap("1.1")
@pytest.mark.trap("1.5")
def test_events_arrive_in_the_order_in_which_things_happen(sdk: Sdk) -> None:
    async def check(here: Place) -> None:
        program = here.program()
        uid = await program.joined(here.grant)
        member = here.join()
        await program.first("on_user_audio_track_state_changed")
        here.say(bytes(640))
        await program.first("on_first_remote_audio_decoded")
        assert native_threads() == ["agora-audio", "agora-events", "agora-net"]
        member.unpublish()
        await program.first("on_user_audio_track_state_changed", after=2)
        member.leave(LeaveReason.DROPPED)
        await program.first("on_user_left")
        program.connection.disconnect()
        await program.first("on_disconnected")
        far = str(FAR_UID)
        expected = [
            ("on_connecting", (2, "0"), 0),
            ("on_connected", (3, str(uid)), 1),
            ("on_user_joined", far),
            ("on_user_info_updated", far, 0, 0),
            ("on_user_audio_track_subscribed", far),
            ("on_audio_subscribe_state_changed", CHANNEL, far, 2, 3),
            ("on_user_audio_track_state_changed", far, 1, 0),
            ("on_user_audio_track_state_changed", far, 2, 6),
            ("on_first_remote_audio_frame", far),
            ("on_first_remote_audio_decoded", far),
            ("on_user_info_updated", far, 0, 1),
            ("on_user_audio_track_state_changed", far, 0, 5),
            ("on_audio_subscribe_state_changed", CHANNEL, far, 3, 1),
            ("on_user_left", far, 1),
            ("on_disconnected", (1, str(uid)), 5),
        ]
        others = [event for event in program.events if not event[0].startswith(("on_audio_track", "on_audio_publish"))]
        assert [event[: len(wanted)] for event, wanted in zip(others, expected, strict=True)] == expected
        assert [event[0] for event in program.events if event[0].startswith("on_audio_track")][:2] == [
            "on_audio_track_publish_start",
            "on_audio_track_publish_success",
        ]

    in_a_room(sdk, check)


def test_others_see_the_program_join_publish_fall_silent_and_leave(sdk: Sdk) -> None:
    async def check(here: Place) -> None:
        here.join()
        program = here.program()
        uid = await program.joined(here.grant, uid=41)
        assert uid == 41
        program.push(bytes(6400))
        await here.hears(6400)
        program.connection.unpublish_audio()
        await until(lambda: MemberUnpublished(41) in here.ear.events, "unpublished")
        program.connection.publish_audio()
        program.push(bytes(6400))
        await here.hears(12800)
        program.connection.disconnect()
        await until(lambda: MemberLeft(41, LeaveReason.QUIT) in here.ear.events, "left")
        assert here.ear.events[:4] == [
            MemberJoined(41),
            MemberPublished(41),
            MemberUnpublished(41),
            MemberPublished(41),
        ]

    in_a_room(sdk, check)


@pytest.mark.trap("1.5")
@pytest.mark.parametrize(
    ("fault", "reason"), [(TokenFault.FORGED, 8), (TokenFault.OTHER_CHANNEL, 8), (TokenFault.EXPIRED, 9)]
)
def test_a_token_that_is_refused_is_a_failure_with_its_reason(sdk: Sdk, fault: TokenFault, reason: int) -> None:
    async def check(here: Place) -> None:
        program = here.program()
        assert program.connect(here.far.grant(CHANNEL, fault=fault)) == 0
        assert await program.first("on_connection_failure") == ("on_connection_failure", (5, "0"), reason)
        assert program.connect(here.grant) == 0, "a program may try again"
        await program.first("on_connected")

    in_a_room(sdk, check)


@pytest.mark.trap("1.5")
def test_what_cannot_be_joined_is_a_failure_with_its_reason(sdk: Sdk) -> None:
    async def check(here: Place) -> None:
        token = here.grant.token.reveal()
        for channel, token_text, uid, reason in [
            ("another", token, "0", 10),
            ("a/b", token, "0", 7),
            ("x" * 65, token, "0", 7),
            ("", token, "0", 7),
            (CHANNEL, "", "0", 8),
            (CHANNEL, "t" * 5000, "0", 8),
            (CHANNEL, "tok\x7fen", "0", 8),
        ]:
            program = here.program()
            assert program.connection.connect(token_text, channel, uid) == 0
            assert (await program.first("on_connection_failure"))[2] == reason, channel

    in_a_room(sdk, check)


def test_arguments_and_states_that_connect_refuses(sdk: Sdk) -> None:
    async def check(here: Place) -> None:
        program = here.program()
        for uid in ("account", "-1", "4294967296", "99999999999999999999", "1.5"):
            assert program.connect(here.grant, uid=uid) == -2
        await program.joined(here.grant)
        assert program.connect(here.grant) == -8
        assert sdk.misuses("user account")

    in_a_room(sdk, check)


@pytest.mark.trap("1.1")
def test_an_app_id_that_is_not_the_rooms_is_a_failure(sdk: Sdk) -> None:
    async def check(here: Place) -> None:
        service = sdk.started("f" * 32)
        program = Program(sdk, service)
        program.connect(here.grant)
        assert (await program.first("on_connection_failure"))[2] == 6
        await program.release()
        service.release()

    in_a_room(sdk, check)


def test_a_service_without_an_app_id_is_not_initialised(sdk: Sdk) -> None:
    service = sdk.service.AgoraService()
    config = sdk.base.AgoraServiceConfig(appid="")
    service.initialize(config)  # its result says nothing
    assert not service.inited


@pytest.mark.trap("1.5")
def test_a_member_that_is_put_out_is_disconnected(sdk: Sdk) -> None:
    async def check(here: Place) -> None:
        program = here.program()
        uid = await program.joined(here.grant)
        here.far.put_out(CHANNEL, uid, "removed by the owner")
        assert await program.first("on_disconnected") == ("on_disconnected", (1, str(uid)), 3)

    in_a_room(sdk, check)


@pytest.mark.trap("1.5")
def test_a_second_of_the_same_uid_replaces_the_first(sdk: Sdk) -> None:
    async def check(here: Place) -> None:
        first, second = here.program(), here.program()
        await first.joined(here.grant, uid=5)
        await second.joined(here.grant, uid=5)
        assert await first.first("on_disconnected") == ("on_disconnected", (1, "5"), 19)
        assert not second.named("on_user_joined", "on_user_left", "on_disconnected")

    in_a_room(sdk, check)


@pytest.mark.trap("1.5")
def test_a_token_is_renewed_and_refused_and_expires(sdk: Sdk) -> None:
    async def check(here: Place) -> None:
        program = here.program()
        await program.joined(here.grant)
        (_, token) = await program.first("on_token_privilege_will_expire")
        assert token == here.grant.token.reveal()
        assert program.connection.renew_token("bad") == 0
        assert (await program.first("on_error"))[1] == 110
        fresh = here.far.grant(CHANNEL, life_s=3)
        assert program.connection.renew_token(fresh.token.reveal()) == 0
        await program.first("on_api_call_executed", after=1)
        assert [event[1] for event in program.named("on_api_call_executed")] == [110, 0]
        (_, token) = await program.first("on_token_privilege_will_expire", after=1)
        assert token == fresh.token.reveal()
        await program.first("on_token_privilege_did_expire")
        assert (await program.first("on_disconnected"))[2] == 9

    in_a_room(sdk, check, life_s=3)


def test_two_connections_hear_one_another(sdk: Sdk) -> None:
    async def check(here: Place) -> None:
        first, second = here.program(), here.program()
        await first.joined(here.grant, uid=1)
        await second.joined(here.grant, uid=2)
        await first.first("on_user_joined")
        words = [bytes([number]) * 3200 for number in (1, 2)]
        first.push(words[0])
        second.push(words[1])
        await first.until(lambda: len(first.pcm) >= 3200, "audio")
        await second.until(lambda: len(second.pcm) >= 3200, "audio")
        assert (first.pcm, second.pcm) == (words[1], words[0])

    in_a_room(sdk, check)


def test_members_that_are_there_already_are_known_after_joining(sdk: Sdk) -> None:
    async def check(here: Place) -> None:
        here.join()
        program = here.program(subscribe=False)
        await program.joined(here.grant)
        await program.first("on_user_info_updated")
        assert not program.named("on_user_audio_track_subscribed")
        assert program.user.subscribe_audio(str(FAR_UID)) == 0
        await program.first("on_user_audio_track_subscribed")
        here.say(b"\1" * 6400)
        await program.until(lambda: program.pcm == b"\1" * 6400, "audio")
        assert program.user.unsubscribe_audio(str(FAR_UID)) == 0
        await program.first("on_audio_subscribe_state_changed", after=1)
        assert program.user.subscribe_all_audio() == 0
        await program.first("on_user_audio_track_subscribed", after=1)

    in_a_room(sdk, check)
